"""Whether jobs or records that have a result are to be expected in the next batch.

A batch that is taken for new, and is not, is written in vain as far as its first repetition, and
once more with care. One alone costs that little; but they come in rows, where a partition is read
again after a crash, or a producer sends again what it has sent.
"""

from typing import Final

LASTING: Final = 16
"""Batches without a repetition until none is expected. Care costs a seventh of a batch."""


class Repetitions:
    """What the last batches had. For any thread; where two note at once, one may not count."""

    def __init__(self) -> None:
        """None is expected."""
        self._batches = 0

    def expected(self) -> bool:
        """Whether the next batch shall be written with care."""
        return self._batches > 0

    def note(self, some: bool) -> None:
        """What a batch that was written with care had."""
        self._batches = LASTING if some else max(self._batches - 1, 0)
