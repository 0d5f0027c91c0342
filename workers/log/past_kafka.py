"""Records that were read before, from Kafka, as long as the topic keeps them.

No group and no commit: whoever serves does not notice. A topic that was made again under the same
name is another one, and has none of the records that are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from producers.connection import connect, unreachable
from schemas.record import Partition
from schemas.settings import KafkaSettings

OPTIONS: Final[dict[str, Any]] = {
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "max_poll_records": 2000,
    "fetch_max_wait_ms": 100,
    "max_partition_fetch_bytes": 1024 * 1024,
    "metrics_enabled": False,
}
PASSED_OVER: Final = 2000
"""Records that are read for nothing rather than to look for the next one anew."""
POLL_MS: Final = 1000
SILENT_POLLS: Final = 20
"""So many in a row that bring nothing and move nothing: the broker is away."""


class KafkaPast:
    """See `workers.bulks.texts.Past`."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """
        Raises:
            SettingsError: see `producers.connection.refuse_plaintext`.
            UnavailableError: no broker answers.
        """
        self._kafka = kafka
        self._consumer, self._cluster = connect(kafka, KafkaConsumer, group_id=None, **OPTIONS)

    def values(self, partition: Partition, offsets: Sequence[int]) -> Mapping[int, bytes]:
        """See `workers.bulks.texts.Past`."""
        try:
            return self._values(partition, offsets)
        except KafkaError as error:
            raise unreachable(self._kafka) from error

    def close(self) -> None:
        """Give back the connection."""
        self._consumer.close()

    def _values(self, partition: Partition, offsets: Sequence[int]) -> Mapping[int, bytes]:
        tp = TopicPartition(partition.topic, partition.number)
        known = self._consumer.partitions_for_topic(partition.topic) or set()
        topic_id = self._cluster.topic_id(partition.topic)
        if partition.number not in known or topic_id is None or topic_id.hex != partition.topic_id:
            return {}
        if self._consumer.assignment() != {tp}:
            self._consumer.assign([tp])
        first = self._consumer.beginning_offsets([tp])[tp]
        end = self._consumer.end_offsets([tp])[tp]
        wanted = sorted(offset for offset in offsets if first <= offset < end)
        found: dict[int, bytes] = {}
        at: int | None = None
        for offset in wanted:
            if at is None or offset - at > PASSED_OVER:
                self._consumer.seek(tp, offset)
                at = offset
            while at <= offset:
                at = self._read(tp, found)
        return {offset: found[offset] for offset in wanted if offset in found}

    def _read(self, tp: TopicPartition, found: dict[int, bytes]) -> int:
        """Take in what the next poll brings; where reading goes on."""
        before = self._consumer.position(tp)
        for _ in range(SILENT_POLLS):
            records = self._consumer.poll(timeout_ms=POLL_MS).get(tp, ())
            found.update((one.offset, one.value) for one in records if one.value)
            at: int = self._consumer.position(tp)
            if at != before:
                return at
        raise unreachable(self._kafka)
