"""How far Kafka's consumer has read where no record says so.

A transaction ends in a marker, which takes an offset and is never delivered; aborted records are
passed over as well. A partition that stays behind one would never count as done.
"""

from collections.abc import Collection, Mapping
from typing import Any

from kafka.structs import TopicPartition

from schemas.record import Partition
from workers.log.membership import Membership


class Positions:
    """The consumer's positions that the caller of the log has not been told."""

    def __init__(self, consumer: Any, members: Membership) -> None:
        self._subscription = consumer._subscription
        self._members = members
        self._told: dict[Partition, int] = {}

    def tell(self, partition: Partition, offset: int) -> None:
        """Note that the caller knows: it was given the record before, or sought this offset."""
        self._told[partition] = offset

    def forget(self, partitions: Collection[Partition]) -> None:
        """Note that these are not ours any more, or anew."""
        for partition in partitions:
            self._told.pop(partition, None)

    def news(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Where reading goes on in those that are not paused and have moved otherwise."""
        near = [one for one in partitions if self._seems_moved(one)]
        found = {p: at for p in near if (at := self._position(p)) is not None}
        moved = {p: at for p, at in found.items() if at != self._told.get(p)}
        self._told |= moved
        return moved

    def behind(self) -> int | None:
        """Records written and not read, of the partitions whose end a fetch has told; None: none
        has. The end of a paused one is as old as its last fetch."""
        states = [s for s in self._subscription.assignment.values() if s.highwater and s.position]
        return sum(max(0, s.highwater - s.position.offset) for s in states) if states else None

    def _seems_moved(self, partition: Partition) -> bool:
        """A look without a lock, as most have not moved."""
        tp = TopicPartition(partition.topic, partition.number)
        state = self._subscription.assignment.get(tp)
        position = None if state is None else state.position
        return position is not None and position.offset != self._told.get(partition)

    def _position(self, partition: Partition) -> int | None:
        with self._members.settled(partition) as tp:
            if tp and not (state := self._subscription.assignment[tp]).paused and state.position:
                offset: int = state.position.offset
                return offset
        return None
