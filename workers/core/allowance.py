"""How much a batch may take: rows, tokens, bytes and predicted seconds, while it is filled.

    rows      the settings' `max_batch`
    tokens    what settings and the device's memory allow, for rows x padded length
    bytes     4 MiB, so that no message to a worker is a heavy one
    seconds   by what the version costs on the worker at hand (`workers.core.costs`): the bound of
              the settings, and while a deadline in the batch can still be met, not beyond it

A single text is always allowed.
"""

from typing import Final

from workers.core.cost import Cost
from workers.core.costs import Price
from workers.core.delivery import Delivery
from workers.core.line import Line

BATCH_BYTES: Final = 4 * 2**20
"""Size of a batch's records at most."""
CALLS: Final = 4
"""A batch may always take so many times the price of a call, so that calls cost at most a quarter
of the device, however short batches should be."""


class Allowance:
    """What is left for a batch while it grows."""

    def __init__(self, price: Price, max_batch: int, seconds: float) -> None:
        """
        Args:
            price: of the version on the worker at hand.
            max_batch: texts at most.
            seconds: that it may take, predicted.
        """
        self.taken: list[Delivery] = []
        self.tokens = 0
        self.pairs = 0
        self._cost = price.cost or Cost(0.0, 0.0)
        self._rows, self._tokens, self._bytes = max_batch, price.tokens, BATCH_BYTES
        self._seconds = max(seconds, CALLS * self._cost.call_s) - self._cost.call_s

    @property
    def seconds(self) -> float:
        """Predicted seconds of what was taken."""
        return self._cost.batch_s(self.tokens, self.pairs)

    def until(self, seconds: float) -> None:
        """Let the whole batch take no longer than this."""
        self._seconds = min(self._seconds, self._left_of(seconds))

    def could(self, seconds: float, padded: int) -> bool:
        """Whether a text of this padded length can go along and all be done in `seconds`."""
        text_s = self._cost.text_s(padded)
        return text_s <= self._left_of(seconds)

    def take(self, line: Line, most: int | None = None) -> int:
        """Take as many of this line as are allowed, `most` at most, in their order; how many."""
        pop, taken = line.pop, self.taken
        before = len(taken)
        waiting = len(line) if most is None else min(most, len(line))
        for _ in range(self.rows_of(line.key.padded, waiting)):
            size = line.head.size
            if size > self._bytes and taken:
                self._bytes = 0
                break
            self._bytes -= size
            taken.append(pop())
        self._account(line.key.padded, len(taken) - before)
        return len(taken) - before

    def rows_of(self, padded: int, waiting: int) -> int:
        """How many of `waiting` texts of this padded length are allowed."""
        rows = min(self._rows, waiting, self._tokens // padded)
        text_s = self._cost.text_s(padded)
        if text_s and text_s * rows > self._seconds:  # no time is none, whatever is left
            rows = int(self._seconds / text_s)
        return max(rows, 0 if self.taken else min(waiting, 1))

    def _left_of(self, seconds: float) -> float:
        return seconds - self.seconds

    def _account(self, padded: int, rows: int) -> None:
        tokens = padded * rows
        self._rows -= rows
        self._tokens -= tokens
        self._seconds -= self._cost.text_s(padded) * rows
        self.tokens += tokens
        self.pairs += tokens * padded
