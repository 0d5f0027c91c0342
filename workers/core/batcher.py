"""Forming batches: the head that is due first goes first, in company of its own length.

Deliveries wait in one queue for each (model version, length bucket, class of urgency). Nothing is
released while no worker has a credit, so batches grow by themselves under load. A batch is filled
from the bucket of the head, then from the other buckets of the same version: the worker cuts it
by true length once more, so mixed company costs no padding.

    budget        sum of padded lengths <= token_budget, size <= 4 MiB, or a single text
    order         first in, first out within a queue; between queues due first, but bulk work
                  stands behind interactive work until it is BULK_PATIENCE_S overdue
    reasons       FULL, TIMER, IDLE: why a batch left when it did, counted by the caller
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from schemas.record import Partition
from workers.core.delivery import Delivery

BUCKETS: Final = tuple(16 << power for power in range(12))
"""Padded lengths in tokens, 16 to 32,768. Longer texts count as the longest: models read no more
of them (`models.windows`)."""

BATCH_BYTES: Final = 4 * 2**20
"""Size of a batch's records at most, so that no message to a worker is a heavy one."""

BULK_PATIENCE_S: Final = 10.0
"""How long bulk work, once due, lets interactive work pass; then the older goes first."""


def bucket_of(tokens: int) -> int:
    """The padded length of a text of so many tokens."""
    return BUCKETS[min(bisect_left(BUCKETS, tokens), len(BUCKETS) - 1)]


class Release(StrEnum):
    """Why a batch left the batcher."""

    FULL = "full"
    TIMER = "timer"
    IDLE = "idle"


class Formed(msgspec.Struct, frozen=True):
    """Deliveries that go together: one model version, whichever of its tasks they ask."""

    deliveries: tuple[Delivery, ...]
    reason: Release


class _Queue(NamedTuple):
    version_id: int
    padded: int
    bulk: bool


class Batcher:
    """Holds what is admitted and says what goes next. Not thread-safe; time is an argument."""

    def __init__(self, *, max_batch: int, token_budget: int) -> None:
        self._max_batch = max_batch
        self._token_budget = token_budget
        self._queues: dict[_Queue, deque[Delivery]] = {}
        self._tokens: dict[int, int] = {}
        self._counts: dict[int, int] = {}

    def __len__(self) -> int:
        """Deliveries that wait."""
        return sum(self._counts.values())

    def add(self, delivery: Delivery) -> None:
        """Let a delivery wait for a batch."""
        self._queue_of(delivery).append(delivery)
        self._count(delivery, 1)

    def put_back(self, deliveries: tuple[Delivery, ...]) -> None:
        """Return deliveries that were released, ahead of all others of their queues."""
        for delivery in reversed(deliveries):
            self._queue_of(delivery).appendleft(delivery)
            self._count(delivery, 1)

    def next_batch(self, now: float, *, idle: bool) -> Formed | None:
        """The batch that should leave now for a worker with a credit, if any.

        Args:
            now: monotonic clock, in seconds.
            idle: the worker has nothing else in hand, so that waiting would waste it.
        """
        ready = {
            key: reason
            for key in self._queues
            if (reason := self._reason(key, now, idle=idle)) is not None
        }
        head = min(ready, key=lambda key: self._rank(key, now), default=None)
        return None if head is None else Formed(tuple(self._take(head, now)), ready[head])

    def due_at(self) -> float | None:
        """When `next_batch` may answer without idleness or arrivals; None when empty."""
        return min((queue[0].due_at for queue in self._queues.values()), default=None)

    def drop(self, partition: Partition) -> int:
        """Forget everything of a partition that is no longer ours; returns how many."""
        before = len(self)
        for key, queue in list(self._queues.items()):
            gone = [d for d in queue if d.item.partition == partition]
            for delivery in gone:
                self._count(delivery, -1)
            if gone:
                kept = deque(d for d in queue if d.item.partition != partition)
                self._store(key, kept)
        return before - len(self)

    def _queue_of(self, delivery: Delivery) -> deque[Delivery]:
        key = _Queue(delivery.version.version_id, delivery.padded, delivery.bulk)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
        return queue

    def _count(self, delivery: Delivery, step: int) -> None:
        version = delivery.version.version_id
        self._counts[version] = self._counts.get(version, 0) + step
        self._tokens[version] = self._tokens.get(version, 0) + step * delivery.padded

    def _store(self, key: _Queue, queue: deque[Delivery]) -> None:
        if queue:
            self._queues[key] = queue
        else:
            self._queues.pop(key, None)

    def _rank(self, key: _Queue, now: float) -> tuple[bool, float]:
        due_at = self._queues[key][0].due_at
        return key.bulk and now < due_at + BULK_PATIENCE_S, due_at

    def _reason(self, head: _Queue, now: float, *, idle: bool) -> Release | None:
        version = head.version_id
        full = (
            self._counts[version] >= self._max_batch or self._tokens[version] >= self._token_budget
        )
        if full:
            return Release.FULL
        if self._queues[head][0].due_at <= now:
            return Release.TIMER
        return Release.IDLE if idle else None

    def _take(self, head: _Queue, now: float) -> Iterator[Delivery]:
        count = tokens = size = 0
        for key in self._by_company(head, now):
            queue = self._queues[key]
            while queue and count < self._max_batch:
                tokens, size = tokens + key.padded, size + queue[0].size
                if count and (tokens > self._token_budget or size > BATCH_BYTES):
                    tokens, size = tokens - key.padded, size - queue[0].size
                    break
                delivery = queue.popleft()
                self._count(delivery, -1)
                count += 1
                yield delivery
            self._store(key, queue)

    def _by_company(self, head: _Queue, now: float) -> list[_Queue]:
        """The queues of the head's version: the head's first, then in the order of their turn."""
        others = [k for k in self._queues if k.version_id == head.version_id and k != head]
        return [head, *sorted(others, key=lambda key: self._rank(key, now))]
