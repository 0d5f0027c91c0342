"""The device's own thread: it computes one batch while the next is parsed.

Two batches are in hand at most, so a process that dies takes no more with it. One that was read
wrongly keeps its place: what went wrong is told in its turn, where all failures are looked after.

A batch that passes is not counted among them. It is computed before the next one, or between two
arrays of the running one, which asks for that by `give_way`.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.batch import Batch
from workers.inference import Read
from workers.stage import Stage

IN_HAND: Final = 2
"""Batches that are parsed or computed at a time."""


class Step(NamedTuple):
    """A batch on its way from the reader to the device."""

    batch: Batch
    found: Read | Exception
    """The batch with its texts parsed, or why it cannot be."""
    seconds: float
    """How long reading took."""

    def taken(self) -> Read:
        """The parsed batch; raises what reading raised."""
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Computer:
    """Computes what was read, in order."""

    def __init__(self, compute: Callable[[Step], None]) -> None:
        """`compute` is called in the device's thread and must not raise."""
        self._compute = compute
        self._room = threading.Semaphore(IN_HAND)
        self._passing: deque[Step] = deque()
        self._stage: Stage[Step] = Stage("compute", self._take)

    def start(self) -> None:
        """Begin to take steps."""
        self._stage.start()

    def admit(self) -> None:
        """Wait until one of those in hand is out of hand; `put` is to follow."""
        self._room.acquire()

    def put(self, step: Step) -> None:
        """Hand over what was read."""
        if step.batch.passes:
            self._passing.append(step)
        self._stage.put(step)  # of one that passes it only ends the wait

    def give_way(self) -> None:
        """Compute what passes, if anything does; to be called from `compute`."""
        while self._passing:
            self._compute(self._passing.popleft())

    def finish(self) -> None:
        """Compute what was handed over, then end."""
        self._stage.finish()

    def _take(self, step: Step) -> None:
        self.give_way()
        if not step.batch.passes:
            self._compute(step)
            self._room.release()
