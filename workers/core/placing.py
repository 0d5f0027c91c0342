"""Which batch goes to which worker, by what batches cost there; and learning what they cost."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Final

from schemas.batch import Completion, WorkerState
from schemas.groups import Share
from workers.core.batcher import Batcher
from workers.core.cost import Observation
from workers.core.costs import Costs
from workers.core.fair_queue import FairQueue
from workers.core.flight import Flight
from workers.core.flights import Flights
from workers.core.formed import Formed, Place

UNSERVED: Final = "(unserved)"
"""In place of a group's name: what no living worker serves. No group can be called so."""


class Placing:
    """Joins batcher, flights and costs. Not thread-safe; `now` is the monotonic clock."""

    def __init__(self, batcher: Batcher, flights: Flights, costs: Costs, queue: FairQueue) -> None:
        self._batcher = batcher
        self._queue = queue
        self._flights = flights
        self._costs = costs

    def form(
        self, workers: Sequence[WorkerState], soonest_s: float, now: float, *, flush: bool
    ) -> tuple[WorkerState, Formed] | None:
        """The batch that should leave now, and its worker.

        Args:
            workers: those with a place, the one that should have it first.
            soonest_s: predicted seconds until any worker is free.
            now: see above.
            flush: nothing more arrives for now.
        """
        places = partial(self._place, soonest_s=soonest_s, now=now, flush=flush)
        return self._form(workers, places, now)

    def form_passing(
        self, workers: Sequence[WorkerState], now: float
    ) -> tuple[WorkerState, Formed] | None:
        """A batch of interactive jobs that passes the bulk work at its worker, one of these."""
        return self._form(workers, partial(self._passing_place, now=now), now)

    def _form(
        self,
        workers: Sequence[WorkerState],
        place: Callable[[WorkerState], Place],
        now: float,
    ) -> tuple[WorkerState, Formed] | None:
        leaders: dict[Share, WorkerState] = {}
        for worker in workers:  # of each group the first
            leaders.setdefault(worker.serves, worker)
        for first in leaders.values():
            formed = self._batcher.next_batch(now, place(first))
            if formed is not None:
                version = formed.deliveries[0].version
                able = [worker for worker in workers if version.name in worker.serves]
                worker = self._flights.choose(able, version.version_id, now)
                return worker, formed if worker is first else self._trimmed(formed, worker)
        return None

    def _passing_place(self, worker: WorkerState, now: float) -> Place:
        prices = partial(self._costs.price, worker.worker_id)
        lag_s = self._flights.lag_s(worker.worker_id, now, passes=True)
        return Place(idle=True, lag_s=lag_s, prices=prices, passes=True, serves=worker.serves)

    def _place(self, worker: WorkerState, soonest_s: float, now: float, *, flush: bool) -> Place:
        return Place(
            idle=not self._flights.load(worker.worker_id),
            ahead_s=self._flights.ahead_s(worker.worker_id, now),
            running_s=self._flights.running_s(worker.worker_id),
            soonest_s=soonest_s,
            lag_s=self._flights.lag_s(worker.worker_id, now),
            flush=flush,
            prices=partial(self._costs.price, worker.worker_id),
            gives_way=self._flights.gives_way(worker.worker_id),
            serves=worker.serves,
        )

    def learn(self, flight: Flight, completion: Completion, now: float) -> bool:
        """Learn from a batch that was answered as a whole, or that the device's memory did not
        hold; True for the latter."""
        if not flight.tokens:
            return False
        version_id = flight.deliveries[0].version.version_id
        if completion.exhausted:
            self._costs.exhausted(flight.worker_id, version_id, flight.tokens, now)
        elif not completion.failed and completion.error is None:
            seen = Observation(flight.tokens, flight.pairs, completion.compute_s)
            self._costs.learn(flight.worker_id, version_id, seen, now)
            self._flights.learn(flight, now)
        return completion.exhausted

    def backlog_s(self) -> float:
        """Seconds that the living workers need for what waits, by what is known of its cost."""
        waiting = [*self._batcher.waiting().items(), *self._queue.waiting().items()]
        costs = ((self._costs.typical(version_id), sums) for version_id, sums in waiting)
        seconds = sum(cost.batch_s(sums.tokens, sums.pairs) for cost, sums in costs if cost)
        return seconds / max(len(self._flights.alive()), 1)

    def backlogs(self, workers: Sequence[WorkerState]) -> Mapping[str, float]:
        """Seconds that the workers of each group will need for what waits for them, predicted; a
        model that several groups serve counts in each, for all of its workers share it."""
        names = {**self._batcher.names(), **self._queue.names()}
        found = dict.fromkeys((worker.group for worker in workers), 0.0)
        for version_id, sums in [*self._batcher.waiting().items(), *self._queue.waiting().items()]:
            cost = self._costs.typical(version_id)
            serving = [worker for worker in workers if names[version_id] in worker.serves]
            seconds = cost.batch_s(sums.tokens, sums.pairs) if cost else 0.0
            for group in {worker.group for worker in serving} or {UNSERVED}:
                found[group] = found.get(group, 0.0) + seconds / max(len(serving), 1)
        return found

    def _trimmed(self, formed: Formed, worker: WorkerState) -> Formed:
        """The part of a batch that another worker than it was formed for may have."""
        price = self._costs.price(worker.worker_id, formed.deliveries[0].version.version_id)
        totals = accumulate(delivery.padded for delivery in formed.deliveries)
        rows = max(sum(total <= price.tokens for total in totals), 1)
        self._batcher.put_back(formed.deliveries[rows:])
        kept = formed.deliveries[:rows]
        lengths = [delivery.padded for delivery in kept]
        tokens, pairs = sum(lengths), sum(length * length for length in lengths)
        seconds = price.cost.batch_s(tokens, pairs) if price.cost else 0.0
        return Formed(kept, formed.reason, tokens, pairs, seconds)
