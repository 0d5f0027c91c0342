"""How far a partition is done: the first delivered record without a terminal state.

Offsets have gaps (aborted transactions, compaction), so the mark moves over *delivered* offsets,
never by counting. A partition may also end in what is never delivered, the marker of a transaction:
where nothing is open, the mark follows the log's own position.
"""

from collections import deque


class Watermark:
    """One partition's deliveries since its claim. Not thread-safe."""

    def __init__(self, epoch: int, next_offset: int) -> None:
        self.epoch = epoch
        self.next_offset = next_offset
        """First offset not known to be settled."""
        self.bytes = 0
        """Size of the records that are not settled."""
        self._position = next_offset
        self._order: deque[int] = deque()
        self._sizes: dict[int, int] = {}

    def __len__(self) -> int:
        """Records delivered and not settled."""
        return len(self._sizes)

    def __contains__(self, offset: int) -> bool:
        """Whether this record is delivered and not settled."""
        return offset in self._sizes

    def deliver(self, offset: int, size: int) -> None:
        """Note that the log delivered this record of so many bytes; in rising order."""
        self._order.append(offset)
        self._sizes[offset] = size
        self.bytes += size

    def settle(self, offset: int) -> None:
        """Note that this record has its terminal state in SQL; may be said more than once."""
        size = self._sizes.pop(offset, None)
        if size is None:
            return
        self.bytes -= size
        while self._order and self._order[0] not in self._sizes:
            self.next_offset = self._order.popleft() + 1
        self._follow()

    def reach(self, position: int) -> None:
        """Note that the log holds no record before this offset that was not delivered."""
        self._position = max(self._position, position)
        self._follow()

    def _follow(self) -> None:
        if not self._order:
            self.next_offset = max(self.next_offset, self._position)
