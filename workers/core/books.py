"""Which records are open: watermarks of the claimed partitions, and endings to be written.

A record counts as settled only when SQL has its terminal state, so a crash at any moment leaves at
worst work that is done again, and the store makes that harmless.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from schemas.record import Ending, Partition
from workers.core.delivery import Delivery
from workers.core.watermark import Watermark


class Books:
    """What is known and what SQL has to be told. Not thread-safe."""

    def __init__(self) -> None:
        self._marks: dict[Partition, Watermark] = {}
        self._endings: dict[int, Ending] = {}
        """By their identity: two records may end alike."""
        self._written: dict[Partition, tuple[int, int]] = {}

    @property
    def jobs(self) -> int:
        """Records delivered and not settled."""
        return sum(len(mark) for mark in self._marks.values())

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(mark.bytes for mark in self._marks.values())

    @property
    def committable(self) -> dict[Partition, int]:
        """How far SQL says each claimed partition is done."""
        return {partition: offset for partition, (_, offset) in self._written.items()}

    def claimed(self, partition: Partition, epoch: int, next_offset: int) -> None:
        """Begin a partition anew."""
        self._marks[partition] = Watermark(epoch, next_offset)

    def lost(self, partition: Partition) -> None:
        """Forget a partition."""
        self._marks.pop(partition, None)
        self._written.pop(partition, None)
        kept = {n: one for n, one in self._endings.items() if one.partition != partition}
        self._endings = kept

    def deliver(self, partition: Partition, offset: int, size: int) -> bool:
        """Note a delivery; False when the partition is not ours."""
        mark = self._marks.get(partition)
        if mark is None:
            return False
        mark.deliver(offset, size)
        return True

    def reach(self, partition: Partition, position: int) -> None:
        """Note that everything before this offset was delivered, or never will be."""
        mark = self._marks.get(partition)
        if mark is not None:
            mark.reach(position)

    def owns(self, delivery: Delivery) -> bool:
        """Whether the delivery belongs to a claim that still stands."""
        mark = self._marks.get(delivery.item.partition)
        return mark is not None and mark.epoch == delivery.item.epoch

    def wants(self, delivery: Delivery) -> bool:
        """Whether the delivery is ours and still without a terminal state in SQL."""
        mine = self.owns(delivery)
        return mine and delivery.item.offset in self._marks[delivery.item.partition]

    def settle(self, partition: Partition, offset: int) -> None:
        """Note that SQL has this record's terminal state."""
        mark = self._marks.get(partition)
        if mark is not None:
            mark.settle(offset)

    def end(self, ending: Ending) -> None:
        """Let this ending be written."""
        self._endings[id(ending)] = ending

    def endings(self, limit: int) -> Sequence[Ending]:
        """Endings to write, oldest first."""
        return list(islice(self._endings.values(), limit))

    def ended(self, endings: Sequence[Ending], fenced: Collection[Partition]) -> None:
        """SQL has these endings, but for the fenced partitions."""
        for ending in endings:
            self._endings.pop(id(ending), None)
            if ending.partition not in fenced:
                self.settle(ending.partition, ending.offset)

    def marks(self) -> dict[Partition, tuple[int, int]]:
        """`{partition: (epoch, next_offset)}` that SQL does not have yet."""
        marks = {p: (mark.epoch, mark.next_offset) for p, mark in self._marks.items()}
        return {p: mark for p, mark in marks.items() if self._written.get(p) != mark}

    def marked(
        self, marks: Mapping[Partition, tuple[int, int]], fenced: Collection[Partition]
    ) -> None:
        """SQL has these marks, but for the fenced partitions."""
        current = {p: mark for p, mark in marks.items() if p in self._marks and p not in fenced}
        self._written.update(current)
