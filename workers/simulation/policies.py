"""Who goes together: Textmill's own batcher, and the ways of others, behind one shape.

arrival     as they come, a fixed number, padded to the longest (celery-batches, most loops)
budget      as they come, until rows x longest would pass a budget of tokens
oldest      the oldest text and those of its own length bucket
textmill    the batcher that serves: the head that is due, its bucket, then company of any
            length, cut by true length on the device
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from models.shapes import plan
from workers.core.batcher import Batcher
from workers.core.delivery import Delivery

MAX_BATCH = 512
TOKEN_BUDGET = 32_768
FIXED = 32
"""Texts of a batch in arrival order."""
DEVICE_BUDGET = 8192
"""Tokens of one padded array where a policy forms the array itself."""

Shapes = list[tuple[int, int]]
"""Padded arrays `(rows, length)`."""


class Group(NamedTuple):
    """Texts that leave together, and the arrays that the device runs for them."""

    deliveries: tuple[Delivery, ...]
    shapes: Shapes


class Policy(Protocol):
    """Holds texts and says which go next; times are seconds."""

    def add(self, delivery: Delivery) -> None:
        """Let a text wait."""

    def next_group(self, now: float, *, idle: bool) -> Group | None:
        """The group that should leave now for a device, if any; `idle`: it has nothing in hand."""

    def due_at(self) -> float | None:
        """When waiting for company ends for the first; None when empty."""


Tokens = Callable[[Delivery], int]
"""True length of a delivery's text."""


class Textmill:
    """The batcher that serves."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._batcher = Batcher(max_batch=MAX_BATCH, token_budget=TOKEN_BUDGET)
        self.add = self._batcher.add
        self.due_at = self._batcher.due_at

    def next_group(self, now: float, *, idle: bool) -> Group | None:
        """See `Policy`."""
        formed = self._batcher.next_batch(now, idle=idle)
        if formed is None:
            return None
        shapes = plan([self._tokens(one) for one in formed.deliveries])
        return Group(formed.deliveries, [(shape.rows, shape.length) for shape in shapes])


class InOrder:
    """One queue in order of arrival, cut where `fits` says no; one array, padded to the longest."""

    def __init__(self, tokens: Tokens, fits: Callable[[int, int], bool]) -> None:
        self._tokens, self._fits = tokens, fits
        self._queue: deque[Delivery] = deque()

    def add(self, delivery: Delivery) -> None:
        """See `Policy`."""
        self._queue.append(delivery)

    def due_at(self) -> float | None:
        """See `Policy`."""
        return self._queue[0].due_at if self._queue else None

    def next_group(self, now: float, *, idle: bool) -> Group | None:
        """See `Policy`."""
        if not self._queue:
            return None
        rows, longest = self._extent()
        full = rows < len(self._queue)
        if not (full or idle or self._queue[0].due_at <= now):
            return None
        return Group(tuple(self._queue.popleft() for _ in range(rows)), [(rows, longest)])

    def _extent(self) -> tuple[int, int]:
        rows = longest = 0
        for delivery in self._queue:
            longer = max(longest, self._tokens(delivery))
            if rows and not self._fits(rows + 1, longer):
                break
            rows, longest = rows + 1, longer
        return rows, longest


class OldestHead:
    """A queue for each length bucket; the one with the oldest head goes first."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._queues: dict[int, InOrder] = {}

    def add(self, delivery: Delivery) -> None:
        """See `Policy`."""
        padded = delivery.padded
        if padded not in self._queues:
            self._queues[padded] = InOrder(
                lambda _: padded, lambda rows, _: rows * padded <= DEVICE_BUDGET
            )
        self._queues[padded].add(delivery)

    def due_at(self) -> float | None:
        """See `Policy`."""
        return min(
            (due for q in self._queues.values() if (due := q.due_at()) is not None), default=None
        )

    def next_group(self, now: float, *, idle: bool) -> Group | None:
        """See `Policy`."""
        waiting = [
            (due, length) for length, q in self._queues.items() if (due := q.due_at()) is not None
        ]
        for _, length in sorted(waiting):
            group = self._queues[length].next_group(now, idle=idle)
            if group is not None:
                return group
        return None


POLICIES: Mapping[str, Callable[[Tokens], Policy]] = {
    "arrival": lambda tokens: InOrder(tokens, lambda rows, _: rows <= FIXED),
    "budget": lambda tokens: InOrder(tokens, lambda rows, longest: rows * longest <= DEVICE_BUDGET),
    "oldest": OldestHead,
    "textmill": Textmill,
}
