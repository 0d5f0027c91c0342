"""Finding the text that kills workers.

A batch whose worker died running it, or hangs in it, is suspect. It is tried again alone on one
worker with nothing else; when that one dies or hangs too the batch is halved, down to a single
text. A text that did so three times while alone is guilty. A batch that comes back is cleared, so
a worker that died for another reason costs one quiet retry.
"""

from collections import deque
from collections.abc import Container
from typing import Final

from schemas.groups import EVERYTHING
from workers.core.delivery import Delivery

STRIKES: Final = 3
"""Deaths of a worker with this text alone, before it is quarantined."""

Suspects = tuple[Delivery, ...]


class Isolation:
    """The queue of suspects; at most one batch of it is out at a time. Not thread-safe."""

    def __init__(self) -> None:
        self._waiting: deque[Suspects] = deque()
        self._strikes: dict[tuple[object, int], int] = {}
        self.out = False
        """Whether a suspect batch is at a worker now."""

    def __len__(self) -> int:
        """Suspect batches that wait."""
        return len(self._waiting)

    def suspect(self, deliveries: Suspects) -> None:
        """A worker died running these in ordinary company: try them alone."""
        self._waiting.append(deliveries)

    def models(self) -> list[str]:
        """The models of the suspects that wait, in the order of their turn."""
        return [suspects[0].version.name for suspects in self._waiting]

    def next(self, serves: Container[str] = EVERYTHING) -> Suspects | None:
        """The suspects to try now on an otherwise idle worker that serves these models."""
        if self.out:
            return None
        for index, model in enumerate(self.models()):
            if model in serves:
                self.out = True
                suspects = self._waiting[index]
                del self._waiting[index]
                return suspects
        return None

    def give_back(self, deliveries: Suspects) -> None:
        """These could not be tried (no fault of theirs)."""
        self.out = False
        if deliveries:
            self._waiting.appendleft(deliveries)

    def cleared(self, deliveries: Suspects) -> None:
        """The worker survived these."""
        self.out = False
        for delivery in deliveries:
            self._strikes.pop((delivery.item.partition, delivery.item.offset), None)

    def killed(self, deliveries: Suspects) -> Delivery | None:
        """The worker died running these alone; returns the guilty one when that is proven."""
        self.out = False
        if not deliveries:
            return None
        if len(deliveries) > 1:
            half = len(deliveries) // 2
            self._waiting.extendleft((deliveries[half:], deliveries[:half]))
            return None
        (delivery,) = deliveries
        key = (delivery.item.partition, delivery.item.offset)
        self._strikes[key] = self._strikes.get(key, 0) + 1
        if self._strikes[key] < STRIKES:
            self._waiting.appendleft(deliveries)
            return None
        del self._strikes[key]
        return delivery

    def drop(self, partition: object) -> None:
        """Forget everything of a partition that is no longer ours."""
        kept = (tuple(d for d in batch if d.item.partition != partition) for batch in self._waiting)
        self._waiting = deque(batch for batch in kept if batch)
        self._strikes = {k: n for k, n in self._strikes.items() if k[0] != partition}
