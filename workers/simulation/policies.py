"""Who goes together: Textmill's own batcher, and the ways of others, behind one shape.

arrival     as they come, a fixed number, padded to the longest (celery-batches, most loops)
budget      as they come, until rows x longest would pass a budget of tokens
oldest      Textmill's batcher without any notion of cost: whoever is due first goes first
textmill    the batcher that serves, with the costs that it learns as it goes

The last two cut by true length on the device, as the worker does.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from models.shapes import plan
from workers.core.batcher import Batcher
from workers.core.delivery import Delivery
from workers.core.formed import Formed, Limits, Place, Release

FIXED = 32
"""Texts of a batch in arrival order."""
DEVICE_BUDGET = 8192
"""Tokens of one padded array where a policy forms the array itself."""

Shapes = list[tuple[int, int]]
"""Padded arrays `(rows, length)`."""


class Policy(Protocol):
    """Holds texts and says which go next; times are seconds."""

    def add(self, delivery: Delivery) -> None:
        """Let a text wait."""

    def next_batch(self, now: float, place: Place) -> Formed | None:
        """The batch that should leave now for a device with a place, if any."""

    def expired(self, now: float) -> list[Delivery]:
        """Take what has passed its deadline, if this policy looks at deadlines."""

    def due_at(self) -> float | None:
        """When the policy wants to be asked again; None when empty."""

    def shapes(self, deliveries: Sequence[Delivery]) -> Shapes:
        """The padded arrays that the device runs for a batch."""


class Setting(NamedTuple):
    """What a policy is made from."""

    tokens: Callable[[Delivery], int]
    """True length of a text."""
    limits: Limits


class Textmill:
    """The batcher that serves."""

    def __init__(self, setting: Setting) -> None:
        self._tokens = setting.tokens
        self._batcher = Batcher(setting.limits)
        self.add = self._batcher.add
        self.due_at = self._batcher.due_at
        self.expired = self._batcher.expired

    def next_batch(self, now: float, place: Place) -> Formed | None:
        """See `Policy`."""
        return self._batcher.next_batch(now, place)

    def shapes(self, deliveries: Sequence[Delivery]) -> Shapes:
        """See `Policy`."""
        cut = plan([self._tokens(one) for one in deliveries])
        return [(shape.rows, shape.length) for shape in cut]


class Oldest(Textmill):
    """The same batcher without any notion of cost: the oldest head goes first."""

    def next_batch(self, now: float, place: Place) -> Formed | None:
        """See `Policy`."""
        return super().next_batch(now, Place(idle=place.idle, flush=place.flush))


class InOrder:
    """One queue in order of arrival, cut where `fits` says no; one array, padded to the longest."""

    def __init__(self, setting: Setting, fits: Callable[[int, int], bool]) -> None:
        self._tokens, self._fits = setting.tokens, fits
        self._queue: deque[Delivery] = deque()

    def add(self, delivery: Delivery) -> None:
        """See `Policy`."""
        self._queue.append(delivery)

    def due_at(self) -> float | None:
        """See `Policy`."""
        return self._queue[0].due_at if self._queue else None

    def expired(self, now: float) -> list[Delivery]:
        """See `Policy`: its devices find out."""
        return []

    def next_batch(self, now: float, place: Place) -> Formed | None:
        """See `Policy`."""
        if not self._queue:
            return None
        rows = self._extent()
        full = rows < len(self._queue)
        if not (full or place.idle or self._queue[0].due_at <= now):
            return None
        taken = tuple(self._queue.popleft() for _ in range(rows))
        return Formed(taken, Release.FULL if full else Release.TIMER)

    def shapes(self, deliveries: Sequence[Delivery]) -> Shapes:
        """See `Policy`."""
        return [(len(deliveries), max(map(self._tokens, deliveries)))]

    def _extent(self) -> int:
        rows = longest = 0
        for delivery in self._queue:
            longer = max(longest, self._tokens(delivery))
            if rows and not self._fits(rows + 1, longer):
                break
            rows, longest = rows + 1, longer
        return rows


POLICIES: Mapping[str, Callable[[Setting], Policy]] = {
    "arrival": lambda setting: InOrder(setting, lambda rows, _: rows <= FIXED),
    "budget": lambda setting: InOrder(setting, lambda rows, most: rows * most <= DEVICE_BUDGET),
    "oldest": Oldest,
    "textmill": Textmill,
}
