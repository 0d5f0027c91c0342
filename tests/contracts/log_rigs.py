"""The two job logs as the contract suite sees them: one topic of the test's own, and its readers.

The broker is shared by the whole session, so a test has a topic and a group under names of its own;
the topic's name is that of a task that does not exist, which a log must deliver like any other.
"""

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from producers import sqlite_log
from producers.embedded import SqliteWriter
from producers.kafka import KafkaWriter
from producers.sqlite_log import OFFSET_BITS
from schemas.record import Partition, Record
from schemas.settings import KafkaSettings
from workers.bulks.texts import Past
from workers.log.kafka import KafkaLog
from workers.log.past_kafka import KafkaPast
from workers.log.past_sqlite import SqlitePast
from workers.log.sqlite import SqliteLog
from workers.log.topics import CONFIGS
from workers.ports import JobLog, LogWriter, Polled

PARTITIONS = 4
PATIENCE_S = 30.0


class Rig(Protocol):
    """One log with one topic of four partitions."""

    topic: str

    def reader(self) -> JobLog:
        """A member of the test's group."""

    def writer(self) -> LogWriter:
        """A way in."""

    def past(self) -> Past:
        """One who reads records again."""

    def forget(self, partition: Partition, before: int) -> None:
        """Let the records of the first partition go that are older than this offset."""

    def put(self, key: str, value: bytes | None) -> None:
        """Write one record that `LogWriter` may refuse."""

    def put_undelivered(self, count: int, first: int = 0) -> None:
        """Write so many records among which some offsets are for ever without one."""

    def committed(self, partition: Partition) -> int | None:
        """What the log was told by `commit`."""

    def make_again(self) -> None:
        """Delete the topic and make it again; no reader is open on the embedded log."""


class KafkaRig:
    def __init__(self, bootstrap: str) -> None:
        self.group = f"group-{uuid.uuid4().hex}"
        self.topic = f"textmill.jobs.test-{uuid.uuid4().hex}"
        self.kafka = KafkaSettings(bootstrap_servers=bootstrap, group_id=self.group)
        self._create()

    def reader(self) -> JobLog:
        return KafkaLog(self.kafka)

    def writer(self) -> LogWriter:
        return KafkaWriter(self.kafka)

    def past(self) -> KafkaPast:
        return KafkaPast(self.kafka)

    def forget(self, partition: Partition, before: int) -> None:
        """As a topic does whose retention has passed."""
        with self.admin() as admin:
            admin.delete_records({TopicPartition(self.topic, partition.number): before})

    def put(self, key: str, value: bytes | None) -> None:
        self.produce(key=key.encode(), value=value)

    def put_undelivered(self, count: int, first: int = 0) -> None:
        """In transactions, of which every second is aborted."""
        options = {"transactional_id": uuid.uuid4().hex, "enable_idempotence": True}
        servers = self.kafka.bootstrap_servers
        with KafkaProducer(bootstrap_servers=servers, acks="all", **options) as producer:
            producer.init_transactions()
            for number in range(first, first + count):
                producer.begin_transaction()
                producer.send(self.topic, key=b"key-%d" % number, value=b"value-%d" % number)
                if number % 2:
                    producer.commit_transaction()
                else:
                    producer.flush()
                    producer.abort_transaction()

    def produce(self, **record: Any) -> None:
        """Send what `KafkaProducer.send` takes."""
        with KafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers) as producer:
            producer.send(self.topic, **record).get(10)

    def committed(self, partition: Partition) -> int | None:
        consumer = KafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap_servers,
            group_id=self.group,
            enable_auto_commit=False,
        )
        try:
            offset: int | None = consumer.committed(TopicPartition(self.topic, partition.number))
            return offset
        finally:
            consumer.close()

    def make_again(self) -> None:
        self.delete()
        self._create()

    def delete(self) -> None:
        with self.admin() as admin:
            admin.delete_topics([self.topic])
            until(lambda: self.topic not in admin.list_topics())

    @contextmanager
    def admin(self) -> Iterator[Any]:
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        try:
            yield admin
        finally:
            admin.close()

    def _create(self) -> None:
        wanted = {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": CONFIGS}
        with self.admin() as admin:
            admin.create_topics({self.topic: wanted}, wait_for_metadata=True)


class SqliteRig:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.topic = "textmill.jobs.translation"

    def reader(self) -> JobLog:
        return SqliteLog(self.path)

    def writer(self) -> LogWriter:
        return SqliteWriter(self.path)

    def past(self) -> SqlitePast:
        return SqlitePast(self.path)

    def forget(self, partition: Partition, before: int) -> None:
        """As an erasure does."""
        records = "SELECT id FROM record ORDER BY id"
        with sqlite3.connect(self.path) as connection:
            ids = [one for (one,) in connection.execute(records) if one >> OFFSET_BITS == 1]
            gone = [(one,) for one in ids[:before]]
            connection.executemany("UPDATE record SET value = NULL WHERE id = ?", gone)
        connection.close()

    def put(self, key: str, value: bytes | None) -> None:
        connection = sqlite_log.open_log(self.path)
        sqlite_log.append(connection, self.topic, [(key, value)])
        connection.close()

    def put_undelivered(self, count: int, first: int = 0) -> None:
        """Here every offset has its record."""
        for number in range(first, first + count):
            self.put(f"key-{number}", b"value-%d" % number)

    def committed(self, partition: Partition) -> int | None:
        connection = sqlite3.connect(self.path)
        row = connection.execute(
            "SELECT committed FROM partition p JOIN topic t ON p.topic = t.id"
            " WHERE t.uuid = ? AND p.number = ?",
            (partition.topic_id, partition.number),
        ).fetchone()
        connection.close()
        offset: int | None = row[0]
        return offset

    def make_again(self) -> None:
        self.path.unlink()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; fails after half a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def poll_until(log: JobLog, enough: Callable[[Polled], object]) -> list[Polled]:
    """Poll until `enough` of one answer; all answers."""
    answers: list[Polled] = []

    def satisfied() -> object:
        answers.append(log.poll(0.2))
        return enough(answers[-1])

    until(satisfied)
    return answers


def gain(log: JobLog, topic: str, count: int = PARTITIONS) -> list[Partition]:
    """Poll until `count` partitions of the topic are ours; still paused, by number."""
    ours: set[Partition] = set()

    def complete(polled: Polled) -> bool:
        ours.difference_update(polled.lost)
        ours.update(partition for partition in polled.gained if partition.topic == topic)
        return len(ours) == count

    poll_until(log, complete)
    return sorted(ours, key=lambda partition: partition.number)


def begin(log: JobLog, topic: str) -> list[Partition]:
    """Gain the topic's partitions and read them from the beginning."""
    ours = gain(log, topic)
    for partition in ours:
        log.seek(partition, log.extent(partition)[0])
    log.resume(ours)
    return ours


def collect(log: JobLog, count: int) -> list[Record]:
    """Poll until there are `count` records."""
    records: list[Record] = []

    def complete(polled: Polled) -> bool:
        records.extend(polled.records)
        return len(records) >= count

    poll_until(log, complete)
    return records
