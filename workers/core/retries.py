"""Deliveries that failed for the moment: when to try each again, and when to stop.

The wait doubles from 0.2 s to 5 s. What fails because the *store* is away is tried for ever, since
nothing else can be done with an answer; what fails because a *model* cannot be had is given up
after `PATIENCE` tries, so that one broken model never holds up its partition.
"""

import heapq
from collections.abc import Sequence
from itertools import count
from typing import Final

from schemas.record import Partition
from workers.core.delivery import Delivery

PATIENCE: Final = 10
"""Tries without a model before a job is quarantined: about half a minute."""
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0
ENDLESS: Final = frozenset({"store_unavailable", "store_error"})
"""Failures that are no fault of the job's: tried until somebody has mended the store."""


class Retries:
    """Failed deliveries by the time of their next try. Not thread-safe; time is an argument."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Delivery]] = []
        self._tries: dict[tuple[Partition, int], int] = {}
        self._lost: dict[tuple[Partition, int], int] = {}
        self._ticket = count()

    def __len__(self) -> int:
        """Deliveries that wait."""
        return len(self._heap)

    def fail(self, delivery: Delivery, reason: str, now: float) -> bool:
        """Keep a failed delivery for later; False when it has been tried often enough."""
        key = (delivery.item.partition, delivery.item.offset)
        tries = self._tries.get(key, 0) + 1
        if tries >= PATIENCE and reason not in ENDLESS:
            self.settled(*key)
            return False
        self._tries[key] = tries
        wait = min(FIRST_WAIT_S * 2 ** min(tries - 1, 10), LONGEST_WAIT_S)
        heapq.heappush(self._heap, (now + wait, next(self._ticket), delivery))
        return True

    def lost(self, delivery: Delivery) -> None:
        """Count a try that was lost on the way, which is no failure of the job's."""
        key = (delivery.item.partition, delivery.item.offset)
        self._lost[key] = self._lost.get(key, 0) + 1

    def attempt(self, deliveries: Sequence[Delivery]) -> int:
        """1 for deliveries that nobody tried before."""
        if not self._tries and not self._lost:
            return 1
        keys = [(d.item.partition, d.item.offset) for d in deliveries]
        return 1 + max(self._tries.get(key, 0) + self._lost.get(key, 0) for key in keys)

    def due(self, now: float) -> list[Delivery]:
        """Take the deliveries whose time has come."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[2])
        return due

    def next_at(self) -> float | None:
        """When the next one is due; None when nothing waits."""
        return self._heap[0][0] if self._heap else None

    def settled(self, partition: Partition, offset: int) -> None:
        """Forget how often this one failed."""
        if self._tries or self._lost:
            self._tries.pop((partition, offset), None)
            self._lost.pop((partition, offset), None)

    def drop(self, partition: Partition) -> None:
        """Forget everything of a partition that is no longer ours."""
        self._heap = [entry for entry in self._heap if entry[2].item.partition != partition]
        heapq.heapify(self._heap)
        self._tries = {key: n for key, n in self._tries.items() if key[0] != partition}
        self._lost = {key: n for key, n in self._lost.items() if key[0] != partition}
