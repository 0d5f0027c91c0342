"""Which Kafka partitions are ours, as far as the caller of the log has been told.

A rebalance happens on the client's thread at any time: there `Membership` only pauses what came and
notes what went. `settle`, called by the polling thread, turns the notes into `gained` and `lost`
and gives every partition its topic's UUID. Between the note and `settle` a partition is unsettled:
`settled` refuses it, so that a resume meant for the earlier possession never starts the later.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import TopicPartition

from schemas.record import Partition


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # the library ships no types
    """The rebalance listener of one consumer, and the partitions it was given."""

    def __init__(self, consumer: Any, topic_id: Callable[[str], UUID | None]) -> None:
        self._consumer = consumer
        self._topic_id = topic_id
        self._lock = threading.Lock()
        self._notes: list[tuple[bool, TopicPartition]] = []
        self._nameless: set[TopicPartition] = set()
        self.owned: dict[TopicPartition, Partition] = {}

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called on the client's thread."""
        with self._lock:
            self._consumer.pause(*assigned)
            self._notes += [(True, tp) for tp in assigned]

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called on the client's thread."""
        with self._lock:
            self._notes += [(False, tp) for tp in revoked]

    on_partitions_lost = on_partitions_revoked

    @property
    def moved(self) -> bool:
        """Whether `settle` has something to tell."""
        return bool(self._notes)

    def settle(self) -> tuple[frozenset[Partition], frozenset[Partition]]:
        """What was gained, and what was lost before that, since the last call."""
        with self._lock:
            notes, self._notes = self._notes, []
            lost = {*self._apply(notes), *self._made_again()}
            return frozenset(self._name()), frozenset(lost)

    @contextmanager
    def settled(self, partition: Partition) -> Iterator[TopicPartition | None]:
        """The client's name of the partition while no rebalance can touch it; None if not ours."""
        tp = TopicPartition(partition.topic, partition.number)
        with self._lock, suppress(KeyError, AssertionError):  # revoked a moment ago: told soon
            ours = self.owned.get(tp) == partition and all(noted != tp for _, noted in self._notes)
            yield tp if ours else None

    def _apply(self, notes: list[tuple[bool, TopicPartition]]) -> Iterator[Partition]:
        for ours, tp in notes:
            if ours:
                self._nameless.add(tp)
                continue
            self._nameless.discard(tp)
            if tp in self.owned:
                yield self.owned.pop(tp)

    def _made_again(self) -> Iterator[Partition]:
        """Partitions whose topic is another one now, under the same name."""
        for tp, partition in list(self.owned.items()):
            current = self._topic_id(tp.topic)
            if current is not None and current.hex != partition.topic_id:
                with suppress(KeyError):
                    self._consumer.pause(tp)
                self._nameless.add(tp)
                yield self.owned.pop(tp)

    def _name(self) -> Iterator[Partition]:
        for tp in list(self._nameless):
            if (topic_id := self._topic_id(tp.topic)) is not None:
                self._nameless.discard(tp)
                self.owned[tp] = Partition(topic_id.hex, tp.partition, tp.topic)
                yield self.owned[tp]
