"""Deliveries of one kind that wait in line: of one version, one padded length, one class.

Without deadlines, first in, first out; with them, the earliest deadline first. Either way one looks
at the ends alone, whatever the length of the line.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import count
from typing import NamedTuple

from workers.core.delivery import Delivery

NEVER = math.inf


class Class(IntEnum):
    """Who goes before whom."""

    INTERACTIVE = 0
    """Somebody waits."""
    BULK = 1
    """Nobody waits for one of them alone."""
    LATE = 2
    """Their deadline will have passed before any answer; they go when nothing else wants to."""


class Key(NamedTuple):
    """What a line has in common."""

    version_id: int
    padded: int
    rank: Class
    dated: bool


class Line:
    """First in, first out."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self._waiting: deque[Delivery] = deque()
        self.push: Callable[[Delivery], None] = self._waiting.append
        """Let a delivery wait behind the others."""
        self.push_front: Callable[[Delivery], None] = self._waiting.appendleft
        """Let a delivery wait that was released before: ahead of the others."""
        self.pop: Callable[[], Delivery] = self._waiting.popleft
        """Take the first."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._waiting)

    @property
    def head(self) -> Delivery:
        """The first."""
        return self._waiting[0]

    @property
    def due_at(self) -> float:
        """When the wait for company ends for the one that waits longest."""
        return self._waiting[0].due_at

    @property
    def deadline(self) -> float:
        """The earliest deadline; `NEVER` without any."""
        return NEVER


class DatedLine(Line):
    """The earliest deadline first."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self._heap: list[tuple[float, int, Delivery]] = []
        self._arrived: deque[tuple[int, float]] = deque()
        """Tickets and ends of waiting in order of arrival; those that went stay until they are
        first."""
        self._ticket = count()
        self._gone: set[int] = set()
        self.push = self._push
        self.push_front = self._push_front
        self.pop = self._pop

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Delivery]:
        return (delivery for _, _, delivery in sorted(self._heap))

    @property
    def head(self) -> Delivery:
        """The one with the earliest deadline."""
        return self._heap[0][2]

    @property
    def due_at(self) -> float:
        """When the wait for company ends for the one that waits longest."""
        return self._arrived[0][1]

    @property
    def deadline(self) -> float:
        """The earliest deadline."""
        return self._heap[0][0]

    def _push(self, delivery: Delivery) -> None:
        ticket = next(self._ticket)
        self._arrived.append((ticket, delivery.due_at))
        heapq.heappush(self._heap, (delivery.deadline, ticket, delivery))

    def _push_front(self, delivery: Delivery) -> None:
        ticket = -1 - next(self._ticket)
        self._arrived.appendleft((ticket, delivery.due_at))
        heapq.heappush(self._heap, (delivery.deadline, ticket, delivery))

    def _pop(self) -> Delivery:
        _, ticket, delivery = heapq.heappop(self._heap)
        self._gone.add(ticket)
        while self._arrived and self._arrived[0][0] in self._gone:
            self._gone.remove(self._arrived.popleft()[0])
        return delivery
