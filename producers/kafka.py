"""The way into Kafka: records are sent in large compressed batches and waited for together.

`append` returns only when all in-sync replicas have every record (acks=all), and a retry inside the
client never writes a record twice (idempotent producer). Throughput comes from batching, not from
waiting less: records gather until `append` has handed over its last one, then all leave at once, so
that a single interactive job is not held back either.

A topic that does not exist is a person's mistake and said at once; topics are never made here.
"""

import itertools
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from producers.batches import send
from producers.connection import connect, hushed, unreachable
from schemas.errors import UnavailableError, UsageError
from schemas.settings import KafkaSettings
from schemas.wire import MAX_RECORD_BYTES

DELIVERY_TIMEOUT_MS: Final = 30_000
CLOSE_TIMEOUT_S: Final = 5.0
IN_FLIGHT_RECORDS: Final = 10_000
"""Records unacknowledged at most, which bounds the memory of a long `append`."""

OPTIONS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",  # 36,000 records/s by one core, against 26,000 with zstd
    "batch_size": 256 * 1024,
    "linger_ms": 50,  # the end of an append flushes; this only lets batches fill before it
    "max_request_size": MAX_RECORD_BYTES,
    "max_block_ms": 2000,  # to learn of a topic
    "metrics_enabled": False,
}


class KafkaWriter:
    """`LogWriter` on a Kafka producer; threads may share one."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Connect.

        Raises:
            UnavailableError: no broker answers.
        """
        self._kafka = kafka
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._producer: Any = None
        self._connected()

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write `(key, value)` records durably; returns when the log has them all.

        Raises:
            UsageError: the topic does not exist, or a record is too large for it.
            UnavailableError: the broker did not confirm every record; some may be there.
        """
        producer = self._connected()
        rest = iter(records)
        try:
            self._require(producer, topic)
            while part := list(itertools.islice(rest, IN_FLIGHT_RECORDS)):
                send(producer, topic, part, DELIVERY_TIMEOUT_MS / 1000 + CLOSE_TIMEOUT_S)
        except MessageSizeTooLargeError as error:
            raise UsageError(
                f"A record is too large for {topic}: at most {MAX_RECORD_BYTES} bytes, or what the "
                "topic's max.message.bytes allows."
            ) from error
        except KafkaError as error:
            self._discard(producer)
            raise UnavailableError(
                f"Kafka at {self._kafka.bootstrap_servers} did not confirm every record of {topic}"
                f" ({type(error).__name__}). Publish again: what arrives twice is answered once."
            ) from error

    def close(self) -> None:
        """Give back connections."""
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=CLOSE_TIMEOUT_S)
                self._producer = None

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._known.clear()
                options = OPTIONS | {
                    "request_timeout_ms": DELIVERY_TIMEOUT_MS // 2,
                    "delivery_timeout_ms": DELIVERY_TIMEOUT_MS,
                }
                self._producer, _ = connect(self._kafka, KafkaProducer, **options)
            return self._producer

    def _discard(self, producer: Any) -> None:
        """Begin anew with the next append: an idempotent producer that has given up a record stays
        confused about what the broker has."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        with hushed(), suppress(KafkaError):
            producer._sender.force_close()
            producer.close(timeout=CLOSE_TIMEOUT_S)

    def _require(self, producer: Any, topic: str) -> None:
        if topic in self._known:
            return
        try:
            with hushed():
                producer.partitions_for(topic)
        except KafkaTimeoutError:
            if not self._exists(topic):
                raise no_topic(topic, self._kafka) from None
            raise
        self._known.add(topic)

    def _exists(self, topic: str) -> bool:
        admin, _ = connect(self._kafka, KafkaAdminClient)
        try:
            return topic in admin.list_topics()
        except KafkaError as error:
            raise unreachable(self._kafka) from error
        finally:
            admin.close()


def no_topic(topic: str, kafka: KafkaSettings) -> UsageError:
    """The error for a topic that nobody has made."""
    return UsageError(
        f"Kafka at {kafka.bootstrap_servers} has no topic {topic}: run `textmill topics create`."
    )
