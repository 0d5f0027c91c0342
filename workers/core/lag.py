"""How much later than predicted a worker's batches come home, learnt from the last ones.

Prediction knows the device. Beside it a batch is carried there, parsed, waits while the one before
it is written, and is written itself; with a small network that is most of its time. Under steady
load it is about the same for each batch, so the last ones tell what the next will need.

To think it longer than it is costs little: what seems too late for its deadline lets others pass,
and there are others whenever a worker is busy. To think it shorter makes answers come in vain. So
it is what nearly all batches took, and half as much again.
"""

from collections import deque
from typing import Final

LEAST_S: Final = 0.01
"""What is reckoned with at least, and while nothing is known."""
RECENT: Final = 64
"""Batches that are remembered."""
RECENT_S: Final = 10.0
"""And for how long: what was thought too late for this worker must be tried again."""
OUTLIERS: Final = 3
"""How many of them, the slowest, do not count: an outage delays as many batches as a worker
has, and says nothing of those behind it."""
CAUTION: Final = 1.5
"""What is reckoned with, in parts of what nearly all took."""


class Lag:
    """Of one worker. Time is an argument."""

    def __init__(self) -> None:
        self._batches: deque[tuple[float, float]] = deque(maxlen=RECENT)
        """When each came home, and how much later than predicted."""

    def learn(self, seconds: float, now: float) -> None:
        """A batch came home so much later than predicted."""
        self._batches.append((now, seconds))

    def seconds(self, now: float) -> float:
        """What a batch takes beside the device, to be on the safe side."""
        recent = sorted(seconds for at, seconds in self._batches if at >= now - RECENT_S)
        usual = recent[:-OUTLIERS]
        return max(LEAST_S, CAUTION * usual[-1]) if usual else LEAST_S
