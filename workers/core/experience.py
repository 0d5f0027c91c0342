"""What one worker's device has shown of one model version's cost, and the prices fitted to it.

Kept are the newest observations of each size of batch, so that an hour of full batches does not
wipe out what single texts cost, and none for longer than `KEPT_S`: a device that became slower, or
a cost that was wrong from the start, is believed anew after a few batches. Refitted at once while
the prediction is far off, else now and then. Time is an argument.
"""

from collections import deque
from typing import Final

from workers.core.cost import Cost, Observation, fit

OF_A_SIZE: Final = 16
"""Observations kept of batches of like size, that is with tokens between two powers of two."""
KEPT_S: Final = 600.0
"""How long an observation counts."""
REFIT_S: Final = 2.0
"""Pause between two refits where predictions are right; one costs about 0.3 ms."""
REFIT_SOON: Final = 4
"""Batches after which a wrong prediction is mended."""
FAR_OFF: Final = 1.5
"""A batch that takes so many times its prediction, or the inverse, is wrongly predicted."""


class Experience:
    """The newest batches of one version on one worker. Not thread-safe."""

    def __init__(self, belief: Cost | None) -> None:
        """`belief` is what holds until something is seen."""
        self.cost = belief
        """The prices believed now; None while nothing is known."""
        self._sizes: dict[int, deque[tuple[float, Observation]]] = {}
        self._new = 0
        self._fitted_at = float("-inf")

    def see(self, observation: Observation, now: float) -> int:
        """Note a batch that was run; how many batches the prices have learnt from just now."""
        size = int(observation.tokens).bit_length()
        if size not in self._sizes:
            self._sizes[size] = deque(maxlen=OF_A_SIZE)
        self._sizes[size].append((now, observation))
        self._new += 1
        if not self._is_time(observation, now):
            return 0
        self._forget(now)
        seen = (one for size in self._sizes.values() for _, one in size)
        self.cost = fit(seen, self.cost)
        learnt, self._new, self._fitted_at = self._new, 0, now
        return learnt

    def _is_time(self, observation: Observation, now: float) -> bool:
        if self.cost is None or now - self._fitted_at >= REFIT_S:
            return True
        predicted = self.cost.batch_s(observation.tokens, observation.pairs)
        right = predicted < FAR_OFF * observation.seconds < FAR_OFF * FAR_OFF * predicted
        return not right and self._new >= REFIT_SOON

    def _forget(self, now: float) -> None:
        for size in self._sizes.values():
            while size and now - size[0][0] > KEPT_S:
                size.popleft()
