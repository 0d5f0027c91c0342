"""Kafka as a `JobLog`, on kafka-python's consumer.

Membership: a pattern subscription to all job topics, so that a new one is read within seconds, and
the cooperative sticky assignor, so that a dispatcher that joins or leaves moves only what must move
and the others keep their claims and what is in flight. (With the range assignor every rebalance
takes everything from everyone, and every claim in SQL has to be made again.) While the members
gather, about a second, nobody is given records. What a caller does to a partition whose loss it has
not been told yet has no effect; see `workers.log.membership`.

Identity: a partition carries its topic's UUID from the cluster's metadata. A topic that was made
again under the same name is reported as lost and gained, paused, like any other move.

Reading: the broker being away is not an error here; `poll` returns nothing and keeps trying. What
does not pass by itself, a right taken away, is one in the end; see `workers.log.failures`.
Records are decoded by `workers.log.fetched`, which steps over what nobody can read and says so.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError
from kafka.structs import MemberState, OffsetAndMetadata, TopicPartition

from producers.connection import connect, unreachable
from schemas.record import Partition, Record
from schemas.settings import KafkaSettings
from schemas.topics import JOB_TOPICS_PATTERN
from workers.log import coordinator, fetched, fetching, receiving
from workers.log.failures import Failures
from workers.log.membership import Membership
from workers.log.positions import Positions
from workers.ports import Polled

_log = logging.getLogger(__name__)

OPTIONS: Final[dict[str, Any]] = {
    "partition_assignment_strategy": [CooperativeStickyAssignor],
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": "read_committed",
    "check_crcs": True,
    "allow_auto_create_topics": False,
    "metadata_max_age_ms": 2000,  # a new topic, or one made again, is noticed by then
    "max_poll_records": 500,  # so long an interactive job waits for bulk ones to be admitted
    "fetch_max_wait_ms": 100,  # what was just resumed waits for the pending fetch
    "fetch_max_bytes": 16 * 1024 * 1024,
    # what a flood has of an answer delays interactive jobs; one larger batch is always delivered
    "max_partition_fetch_bytes": 256 * 1024,
    "retry_backoff_ms": 20,
    "session_timeout_ms": 15_000,
    "heartbeat_interval_ms": 1000,  # a rebalance begins when every member has heard of it
    "max_poll_interval_ms": 60_000,
    "metrics_enabled": False,
}
EXTENT_TIMEOUT_MS: Final = 10_000
CLOSE_TIMEOUT_MS: Final = 5000
LAST_COMMIT_S: Final = 1.0
LOOK_EVERY_S: Final = 0.1
"""How often a waiting poll looks whether partitions have moved."""
REJOIN_PATIENCE_S: Final = 5.0
"""How long a poll waits for the end of a rebalance, whatever its timeout."""


class KafkaLog:
    """`JobLog` as one member of the consumer group `group_id`."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Connect; partitions come with the first polls.

        Raises:
            SettingsError: see `producers.connection.refuse_plaintext`.
            UnavailableError: no broker answers.
        """
        self._kafka = kafka
        receiving.install()
        self._consumer, cluster = connect(kafka, KafkaConsumer, group_id=kafka.group_id, **OPTIONS)
        self._members = Membership(self._consumer, cluster.topic_id)
        self._positions = Positions(self._consumer, self._members)
        self._undecodable: list[tuple[TopicPartition, int]] = []
        self._failures = Failures()
        self._committing: Any = None
        owned = self._members.owned.get
        coordinator.ask_while_unknown(self._consumer._coordinator)
        fetched.install(self._consumer._fetcher, owned, self._undecodable, self._high_watermark)
        fetching.install(self._consumer._fetcher)
        self._consumer.subscribe(pattern=JOB_TOPICS_PATTERN, listener=self._members)

    def poll(self, timeout_s: float) -> Polled:
        """Records in order of offset in each partition; returns early when there are some.

        What is lost was lost before anything was gained.

        Raises:
            TextmillError: nothing came for ten minutes but failures that do not pass by themselves.
        """
        delivered = self._fetch(timeout_s)
        undecodable = self._undecodable[:]
        self._undecodable.clear()
        gained, lost = self._members.settle()
        owned = self._members.owned
        self._positions.forget(gained | lost)
        records: list[Record] = []
        for tp, found in delivered.items():
            partition = found[0].partition
            if partition is owned.get(tp) and partition not in gained:
                records += found
                self._positions.tell(partition, found[-1].offset + 1)
        stepped_over = [
            (owned[tp], offset)
            for tp, offset in undecodable
            if tp in owned and owned[tp] not in gained
        ]
        return Polled(
            records=records,
            gained=gained,
            lost=lost,
            undecodable=stepped_over,
            positions=self._positions.news(set(owned.values()) - gained),
            behind=self._positions.behind(),
        )

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this partition from `offset` on."""
        with self._members.settled(partition) as tp:
            if tp:
                self._consumer.seek(tp, offset)
                self._positions.tell(partition, offset)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until resumed; the membership is kept alive by polling."""
        for partition in partitions:
            with self._members.settled(partition) as tp:
                if tp:
                    self._consumer.pause(tp)

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""
        for partition in partitions:
            with self._members.settled(partition) as tp:
                if tp:
                    self._consumer.resume(tp)

    def extent(self, partition: Partition) -> tuple[int, int]:
        """First offset still kept and the offset after the last one written.

        Raises:
            UnavailableError: the broker does not answer within ten seconds.
        """
        tp = TopicPartition(partition.topic, partition.number)
        try:
            first = self._consumer.beginning_offsets([tp], timeout_ms=EXTENT_TIMEOUT_MS)
            last = self._consumer.end_offsets([tp], timeout_ms=EXTENT_TIMEOUT_MS)
        except (KafkaError, KeyError) as error:
            raise unreachable(self._kafka) from error
        return first[tp], last[tp]

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell Kafka how far each partition is done; does not wait, failures are only logged."""
        ours = {}
        for partition, offset in offsets.items():
            with self._members.settled(partition) as tp:
                if tp:
                    ours[tp] = OffsetAndMetadata(offset, "", -1)
        if ours:
            self._committing = self._consumer.commit_async(ours, callback=_log_failed_commit)

    def close(self) -> None:
        """Leave the group, after the last commit has had a moment to arrive."""
        deadline = time.monotonic() + LAST_COMMIT_S
        while self._committing and not self._committing.is_done and time.monotonic() < deadline:
            time.sleep(0.005)
        self._consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_MS)

    def _fetch(self, timeout_s: float) -> Mapping[TopicPartition, Sequence[Record]]:
        found: dict[TopicPartition, list[Record]] = {}
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            for tp, records in self._fetch_once(min(max(left, 0.0), LOOK_EVERY_S)).items():
                found.setdefault(tp, []).extend(records)
            if self._rejoining:
                self._rejoin()
            late = time.monotonic() >= deadline
            if found or late or self._undecodable or self._members.moved:
                return found

    def _high_watermark(self, tp: TopicPartition) -> int | None:
        state = self._consumer._subscription.assignment.get(tp)
        return None if state is None else state.highwater

    @property
    def _rejoining(self) -> bool:
        return bool(self._consumer.group_metadata().state == MemberState.REBALANCING)

    def _rejoin(self) -> None:
        """Stay until the rebalance that we are in has ended, at most `REJOIN_PATIENCE_S`.

        The client's next poll would begin another in place of one that ended between two polls, and
        would forget one that it began for a new topic: a member without heartbeats, for good.
        """
        ours = self._consumer._coordinator
        ours.request_rejoin()
        try:
            ours.ensure_active_group(timeout_ms=REJOIN_PATIENCE_S * 1000)
        except Exception as error:  # told there, and polling goes on
            self._failed(error)

    def _fetch_once(self, timeout_s: float) -> Mapping[TopicPartition, Sequence[Record]]:
        fetched.unpark(self._consumer._fetcher)
        try:
            found: Mapping[TopicPartition, Sequence[Record]] = self._consumer.poll(
                timeout_ms=timeout_s * 1000
            )
        except Exception as error:  # told there, and polling goes on
            self._failed(error)
            time.sleep(timeout_s)
            return {}
        if found:
            self._failures.ended()
        return found

    def _failed(self, error: Exception) -> None:
        """Whatever it is, polling goes on; its text may hold a record's, so only its name is said.

        Raises:
            TextmillError: nothing came for ten minutes but failures that do not pass by themselves.
        """
        if self._failures.worth_saying(error, time.monotonic()):
            name = type(error).__name__
            _log.warning("Reading from Kafka fails with %s; trying again", name)


def _log_failed_commit(offsets: Mapping[TopicPartition, Any], answer: object) -> None:
    if isinstance(answer, Exception):
        places = ", ".join(f"{tp.topic}/{tp.partition}" for tp in offsets)
        _log.warning("Commit of %s to Kafka failed with %s", places, type(answer).__name__)
