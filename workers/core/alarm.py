"""Noticing a partition that carries mostly rubbish."""

from collections import deque
from typing import Final

WINDOW: Final = 200
"""Records of a partition that are looked at."""
SHARE: Final = 0.2
"""Part of them that may be dead letters."""


class RejectionAlarm:
    """Watches one partition; rings when more than a fifth of the last 200 records were refused."""

    def __init__(self) -> None:
        self._refused: deque[bool] = deque(maxlen=WINDOW)

    def note(self, refused: bool) -> bool:
        """Note a record; True when the alarm rings, and then begin anew."""
        self._refused.append(refused)
        if len(self._refused) < WINDOW or sum(self._refused) <= WINDOW * SHARE:
            return False
        self._refused.clear()
        return True
