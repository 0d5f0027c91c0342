"""Which part of the last minute something was busy, from its seconds so far."""

import threading
from collections import deque
from typing import Final

WINDOW_S: Final = 60.0


class Share:
    """Asked now and then, from any thread; remembers what it was told within the window."""

    def __init__(self, now: float) -> None:
        """`now`: monotonic clock, in seconds, as everywhere here."""
        self._told = deque([(now, 0.0)])
        self._lock = threading.Lock()

    def of(self, busy_s: float, now: float) -> float:
        """From 0 to 1: over the last minute, or since it was asked before where that is longer.

        Args:
            busy_s: seconds busy since the beginning.
            now: monotonic clock.
        """
        with self._lock:
            while len(self._told) > 1 and self._told[1][0] <= now - WINDOW_S:
                self._told.popleft()
            since, before = self._told[0]
            self._told.append((now, busy_s))
        return min(1.0, (busy_s - before) / (now - since)) if now > since else 0.0
