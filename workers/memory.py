"""How large an array of one version may be on this device, learnt where memory did not suffice.

An array that does not fit is halved until it does (`workers.inference.isolate`); later ones are cut
that small from the start. After a while without another failure the budget doubles again, since the
memory may have been somebody else's for a time.
"""

import time
from collections.abc import Callable
from typing import Final

from models.shapes import TOKEN_BUDGET

FEWEST_TOKENS: Final = 64
"""The budget is not halved below this."""
RECOVERY_S: Final = 300.0
"""After so long without another failure the budget doubles."""


class Memory:
    """The budget of one version; used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._budget = TOKEN_BUDGET
        self._since = 0.0
        self._failed = False

    @property
    def budget(self) -> int:
        """Most padded tokens of an array, now."""
        if self._budget < TOKEN_BUDGET and self._clock() - self._since >= RECOVERY_S:
            self._budget, self._since = min(2 * self._budget, TOKEN_BUDGET), self._clock()
        return self._budget

    def exhausted(self, tokens: int) -> None:
        """An array of so many padded tokens did not fit; its halves are no news."""
        if not self._failed:
            self._budget = max(min(self._budget, tokens) // 2, FEWEST_TOKENS)
            self._since = self._clock()
        self._failed = True

    def has_failed(self) -> bool:
        """Whether anything did not fit since this was last asked."""
        failed, self._failed = self._failed, False
        return failed
