"""The dispatcher's mind: what is told goes in, what should be sent comes out.

It joins the parts of the core: books (what is open), batcher (what goes together), flights (what
is at the workers), isolation (what may kill a worker), retries (what failed for now) and recovery
(what becomes of a batch that did not come back whole). No clock, no thread, no network: the loop in
`workers.dispatcher` brings news and carries out sendings.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

from schemas.batch import Completion, WorkerState
from schemas.record import Ending, Partition, Terminal
from workers.core.batcher import Batcher
from workers.core.books import Books
from workers.core.costs import Costs
from workers.core.delivery import Delivery
from workers.core.endings import cancelled, expired
from workers.core.events import Arrived, Claimed, Event, Lost, Reached
from workers.core.fair_queue import FairQueue
from workers.core.flight import Flight
from workers.core.flights import Flights
from workers.core.formed import Formed, Release
from workers.core.isolation import Isolation
from workers.core.placing import Placing
from workers.core.recovery import Recovery
from workers.core.retries import Retries
from workers.core.shadows import Chooser, Shadows
from workers.ports import Order


class Scheduler:
    """Not thread-safe; `now` is the monotonic clock in seconds everywhere."""

    def __init__(self, *, batcher: Batcher, flights: Flights, costs: Costs) -> None:
        self.books = Books()
        self.counts: Counter[str] = Counter()
        """Batches by release reason, losses by kind, fenced records, retries."""
        self._batcher = batcher
        self._flights = flights
        self._queue = FairQueue()
        self.shadows = Shadows(self.counts)
        """What other versions shall answer too, for comparison."""
        self._placing = Placing(batcher, flights, costs, self._queue)
        self.backlogs: Mapping[str, float] = {}
        """Predicted seconds of what waits, by group of workers, when they were seen last."""
        self.costs = costs
        """What batches cost, by version and worker."""
        self._isolation = Isolation()
        self._retries = Retries()
        self._recovery = Recovery(
            books=self.books,
            flights=flights,
            isolation=self._isolation,
            retries=self._retries,
            counts=self.counts,
            put_back=self._put_back,
        )
        self._pinned: Callable[[Delivery], Delivery] = lambda delivery: delivery
        self._under_way = 0

    @property
    def backlog_s(self) -> float:
        """Seconds that the living workers will need for what waits, predicted."""
        return self._placing.backlog_s()

    def awaits(self, now: float) -> bool:
        """Whether interactive jobs have come lately, so that the next may be here any moment."""
        return self._batcher.awaits(now)

    @property
    def flying(self) -> int:
        """Batches at the workers."""
        return len(self._flights)

    def running(self) -> Counter[tuple[str, str]]:
        """Documents of bulk jobs that are in batches at the workers, by job and task."""
        return self._flights.documents()

    @property
    def workers(self) -> int:
        """Workers that live and do not hang."""
        return len(self._flights.alive())

    def next_at(self) -> float | None:
        """When `sendings` may answer without further news."""
        times = [t for t in (self._batcher.due_at(), self._retries.next_at()) if t is not None]
        return min(times, default=None)

    def receive(self, event: Event) -> None:
        """News from the log."""
        if isinstance(event, Claimed):
            self.books.claimed(event.partition, event.epoch, event.next_offset)
        elif isinstance(event, Lost):
            self._lose(event.partition)
        elif isinstance(event, Reached):
            self.books.reach(event.partition, event.offset)
        else:
            self._arrive(event)

    def land(self, completion: Completion, now: float) -> frozenset[Partition]:
        """News from a worker about a batch, on time or late.

        Returns:
            Partitions that we hold by a claim that is not the latest: to be claimed again.
        """
        for partition, offset in completion.settled:
            self.books.settle(partition, offset)
            self._retries.settled(partition, offset)
        self.counts["fenced"] += len(completion.fenced)
        self.shadows.landed(completion.batch_id)
        flight = self._flights.land(completion.batch_id, now - completion.persist_s)
        if flight is None:
            return frozenset()
        self.shadows.add(flight.deliveries, completion.settled, now)
        if self._placing.learn(flight, completion, now):
            self.counts["out_of_memory"] += 1
        if flight.isolated:
            self._isolation.cleared(flight.deliveries)
        if len(completion.settled) < len(flight.deliveries):
            self._recovery.incomplete(flight, completion, now)
        return self._outdated(flight, completion) if completion.fenced else frozenset()

    def pin(
        self,
        pinned: Callable[[Delivery], Delivery],
        under_way: int = 0,
        second: Chooser | None = None,
    ) -> None:
        """Routes have changed: batches are formed of the versions that `pinned` gives from now on.

        A batch that is out, and what is tried alone because it may kill a worker, stays as it is.

        Args:
            pinned: gives a delivery the version that answers it now.
            under_way: how many of the next arrivals may have been admitted by the earlier routes.
            second: gives the version that answers a job too, for comparison; None: none does.
        """
        self.shadows.choose = second
        self._pinned = pinned
        self._under_way = under_way
        self._batcher.pin(pinned)
        self._queue.pin(pinned)

    def see(self, workers: Sequence[WorkerState], now: float) -> None:
        """The workers that live now; what the others had is sent again."""
        self._flights.see(workers, now)
        self.costs.see(workers)
        self.backlogs = self._placing.backlogs(workers)
        for flight, loss in self._flights.lost(now):
            self._recovery.lost(flight, loss)

    def blind(self, now: float) -> None:
        """The workers cannot be asked at present."""
        self._flights.blind(now)

    def sendings(self, now: float, *, flush: bool = False) -> list[tuple[WorkerState, Flight]]:
        """What to send now, and to whom; it counts as sent unless `unsent` says otherwise.

        Args:
            now: monotonic clock.
            flush: nothing more arrives for now, so waiting for company is in vain.
        """
        for delivery in self._retries.due(now):
            if self.books.wants(delivery):
                self._let_in(self._pinned(delivery))
        self._draw_bulk()
        for delivery in [*self._batcher.expired(now), *self._queue.take_expired(now)]:
            self.counts[Terminal.EXPIRED] += 1
            self._retries.settled(delivery.item.partition, delivery.item.offset)
            self.books.end(expired(delivery.item))
        return self._isolated(now) + self._ordinary(now, flush=flush)

    def obey(self, orders: Mapping[str, Order]) -> None:
        """What is wanted of bulk jobs from now on; it holds for all that is in no batch yet."""
        if not self._queue.obey(orders):
            return
        self._queue.put_back(self._batcher.take(lambda each: each.bulk))
        for delivery in self._queue.take_cancelled():
            self._cancel(delivery)

    def comparison(self, now: float) -> tuple[WorkerState, tuple[Delivery, ...]] | None:
        """Jobs that another version may answer now, for comparison, and at which worker: one that
        has nothing to do, while no job waits; None where there are none."""
        if not self.shadows or self.next_at() is not None:
            return None
        idle = (one for one in self._flights.open_workers(now) if one.running is None)
        free = [one for one in idle if not self._flights.load(one.worker_id)]
        return self.shadows.next(free, now)

    def unsent(self, flight: Flight) -> None:
        """The hand-over refused this batch."""
        if self._flights.land(flight.batch_id) is not None:
            self._recovery.send_again(flight)

    def unserved(self) -> list[str]:
        """Models that jobs wait for and no living worker serves."""
        waiting = {*self._batcher.models(), *self._queue.models(), *self._isolation.models()}
        return sorted(model for model in waiting if not self._flights.serving(model))

    def _lose(self, partition: Partition) -> None:
        self.books.lost(partition)
        self._batcher.drop(partition)
        self._queue.drop(partition)
        self._retries.drop(partition)
        self._isolation.drop(partition)

    def _arrive(self, event: Arrived) -> None:
        stale, self._under_way = self._under_way > 0, max(self._under_way - 1, 0)
        for offset, size, outcome in event.outcomes:
            if not self.books.deliver(event.partition, offset, size):
                return
            if outcome is None:
                self.books.settle(event.partition, offset)
            elif isinstance(outcome, Ending):
                self.books.end(outcome)
            else:
                self._let_in(self._pinned(outcome) if stale else outcome)

    def _let_in(self, delivery: Delivery) -> None:
        """Bulk work goes by the queue, all other work straight to the batcher."""
        if not delivery.bulk:
            self._batcher.add(delivery)
        elif self._queue.is_cancelled(delivery):
            self._cancel(delivery)
        else:
            self._queue.add(delivery)

    def _put_back(self, deliveries: Sequence[Delivery]) -> None:
        """What was in a batch goes ahead of all others, by the routes that stand now."""
        self._batcher.put_back(tuple(map(self._pinned, deliveries)))

    def _draw_bulk(self) -> None:
        """Let bulk work through to the batcher, as much as batches are formed of."""
        if self._queue:
            for delivery in self._queue.draw(self._batcher.bulk()):
                self._batcher.add(delivery)

    def _cancel(self, delivery: Delivery) -> None:
        self.counts[Terminal.CANCELLED] += 1
        self._retries.settled(delivery.item.partition, delivery.item.offset)
        self.books.end(cancelled(delivery.item))

    def _sacrifice(self) -> str | None:
        """The worker that is kept free for suspects while there are any."""
        if self._isolation.out:
            return self._flights.isolated_at()
        able = (self._flights.serving(model) for model in self._isolation.models())
        return next((workers[0] for workers in able if workers), None)

    def _isolated(self, now: float) -> list[tuple[WorkerState, Flight]]:
        sacrifice = self._sacrifice()
        for worker in self._flights.open_workers(now):
            if worker.worker_id != sacrifice or self._flights.load(sacrifice):
                continue
            suspects = self._isolation.next(worker.serves)
            if suspects is not None:
                alone = Formed(suspects, Release.IDLE)
                return [(worker, self._send(worker, alone, now, isolated=True))]
        return []

    def _ordinary(self, now: float, *, flush: bool) -> list[tuple[WorkerState, Flight]]:
        sacrifice = self._sacrifice()
        found = self._passing(sacrifice, now)
        soonest_s = self._flights.soonest_s(now)
        while workers := self._ordinary_workers(sacrifice, now):
            placed = self._placing.form(workers, soonest_s, now, flush=flush)
            if placed is None:
                break
            worker, formed = placed
            self.counts[f"release_{formed.reason}"] += 1
            found.append((worker, self._send(worker, formed, now)))
        return found

    def _passing(self, sacrifice: str | None, now: float) -> list[tuple[WorkerState, Flight]]:
        """Interactive jobs beside the bulk work that their workers have."""
        found: list[tuple[WorkerState, Flight]] = []
        while workers := [w for w in self._flights.passable(now) if w.worker_id != sacrifice]:
            placed = self._placing.form_passing(workers, now)
            if placed is None:
                break
            worker, formed = placed
            self.counts["release_passing"] += 1
            found.append((worker, self._send(worker, formed, now, passes=True)))
        return found

    def _ordinary_workers(self, sacrifice: str | None, now: float) -> list[WorkerState]:
        return [w for w in self._flights.open_workers(now) if w.worker_id != sacrifice]

    def _send(
        self,
        worker: WorkerState,
        formed: Formed,
        now: float,
        *,
        isolated: bool = False,
        passes: bool = False,
    ) -> Flight:
        flight = Flight(
            batch_id=uuid4().hex,
            worker_id=worker.worker_id,
            deliveries=formed.deliveries,
            attempt=self._retries.attempt(formed.deliveries),
            isolated=isolated,
            sent_at=now,
            tokens=formed.tokens,
            pairs=formed.pairs,
            seconds=formed.seconds,
            done_at=self._flights.done_at(worker.worker_id, formed.seconds, now, passes=passes),
            passes=passes,
        )
        self._flights.send(flight)
        return flight

    def _outdated(self, flight: Flight, completion: Completion) -> frozenset[Partition]:
        fenced = set(completion.fenced)
        return frozenset(
            delivery.item.partition
            for delivery in flight.deliveries
            if (delivery.item.partition, delivery.item.offset) in fenced
            and self.books.owns(delivery)
        )
