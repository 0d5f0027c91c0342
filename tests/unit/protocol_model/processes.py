"""The processes of the imagined world: they die, freeze and thaw between any two steps.

The dispatcher runs the real `Intake` and `Scheduler`; what `workers.dispatcher` does around them is
cut into steps here, so that a process can stop between reading the books and writing to SQL. The
worker answers with the oracle; a deadly text ends it.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from schemas.batch import Batch, Completion, Failure, WorkerState
from schemas.errors import UnavailableError
from schemas.record import Ending, Partition, Record
from tests.unit.protocol_model.auditor import check
from tests.unit.protocol_model.content import DEADLY, WALL, oracle
from workers.core.admission import Waits, admit, pinned
from workers.core.batcher import Batcher
from workers.core.costs import Costs
from workers.core.delivery import Delivery
from workers.core.endings import expired
from workers.core.events import Claimed, Event
from workers.core.flight import Flight
from workers.core.flights import Flights
from workers.core.formed import Limits
from workers.core.routing import Routing
from workers.core.scheduler import Scheduler
from workers.intake import Intake
from workers.ports import Answer, Claim

if TYPE_CHECKING:
    from tests.unit.protocol_model.world import World

CAP = 12
"""Records in memory at which a dispatcher pauses its partitions."""
SESSION_S = 1.0
WAITS = Waits(interactive=0.005, bulk=0.5)


class DiedError(Exception):
    """The process ends here."""


class Process:
    """Something that does steps until it dies; a frozen one does them later."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.frozen_until = 0.0

    def soon(self, delay: float, step: Callable[..., None], *args: Any) -> None:
        """Do a step after a delay, unless dead by then."""
        self.world.at(delay, self.do, step, *args)

    def do(self, step: Callable[..., None], *args: Any) -> None:
        """Do a step now, or after the thaw."""
        if not self.alive:
            return
        if self.world.now < self.frozen_until:
            self.world.at(self.frozen_until - self.world.now + 1e-6, self.do, step, *args)
            return
        try:
            step(*args)
        except DiedError:
            self.die()

    def reach(self, step: str) -> None:
        """Die at this step if the plan says so."""
        if self.world.plan.strikes(f"{self.name} dies {step}"):
            raise DiedError

    def may_freeze(self, step: str) -> None:
        """Freeze from the next step on if the plan says so."""
        if self.world.plan.strikes(f"{self.name} freezes {step}"):
            self.frozen_until = self.world.now + self.world.random.uniform(0.5, 6.0)
            self.world.later(self.frozen_until - self.world.now)
            self.froze()

    def die(self) -> None:
        self.alive = False

    def froze(self) -> None:
        """What others notice."""


class DispatcherProcess(Process):
    """One member of the group."""

    def __init__(self, world: "World", number: int) -> None:
        super().__init__(world, "dispatcher")
        self.id = f"dispatcher-{number}"
        self._news: deque[Event] = deque()
        self.scheduler = Scheduler(
            batcher=Batcher(Limits(max_batch=world.max_batch, token_budget=10_000)),
            flights=Flights(lease_s=4.0, patience_s=0.5),
            costs=Costs(10_000),
        )
        self._intake = Intake(
            open_log=lambda: world.log.member(self.id),
            ledger=self,
            owner=self.id,
            admit=self._admit,
            tell=self._news.append,
            commit_interval_s=0.5,
        )
        self._intake.open()
        self.soon(0.0, self._turn)

    def die(self) -> None:
        super().die()
        self.world.at(SESSION_S, self._expire)
        self.world.at(self.world.random.uniform(0.1, 2.0), self.world.start_dispatcher)

    def froze(self) -> None:
        self.world.at(SESSION_S, self._expire)

    def claim(self, partition: Partition, owner: str) -> Claim:
        """The store's claim, as the intake sees it."""
        claim = self.world.claim(partition, owner)
        self.reach("after claim")
        return claim

    def _expire(self) -> None:
        if not self.alive or self.world.now < self.frozen_until:
            self.world.log.leave(self.id)

    def _admit(self, record: Record, epoch: int) -> Delivery | Ending:
        now = self.world.now
        outcome = admit(record, epoch, self.world.routing, WAITS, now, WALL + now)
        if isinstance(outcome, Delivery):
            known = self.world.store.pinned[record.partition, record.offset]
            known.add(outcome.version.version_id)
        return outcome

    def reroute(self) -> None:
        """See the routes as they are now."""
        self.scheduler.pin(partial(self._pinned, routing=self.world.routing), under_way=10)

    def _pinned(self, delivery: Delivery, routing: Routing) -> Delivery:
        found = pinned(delivery, routing)
        key = (delivery.item.partition, delivery.item.offset)
        self.world.store.pinned[key].add(found.version.version_id)
        return found

    def _turn(self) -> None:
        self._intake.turn(self.world.now)
        self.world.check_commits()
        if self._news:
            self.reach("after poll")
            self.may_freeze("after poll")
        self.soon(0.001, self._think)

    def _think(self) -> None:
        now = self.world.now
        while self._news:
            event = self._news.popleft()
            if isinstance(event, Claimed):
                self.world.check_start(event)
            self.scheduler.receive(event)
        try:
            self._land(now)
            self.scheduler.see(self.world.bus.states(), now)
        except UnavailableError:
            self.scheduler.blind(now)
        sendings = self.scheduler.sendings(now)
        cap = CAP + self.world.log.max_poll * len(self.world.log.records)
        check("I9", self.scheduler.books.jobs <= cap, "more in memory than is allowed")
        self._intake.choke = self.scheduler.books.jobs >= CAP
        if sendings:
            self.may_freeze("before submit")
        for worker, flight in sendings:
            self.soon(0.001, self._submit, worker, flight)
        self.soon(0.002, self._decide)

    def _land(self, now: float) -> None:
        for completion in self.world.bus.collect(self.id):
            for partition in self.scheduler.land(completion, now):
                self._intake.fence(partition)

    def _submit(self, worker: WorkerState, flight: Flight) -> None:
        versions = {delivery.version.version_id for delivery in flight.deliveries}
        check("I7", len(versions) == 1, f"versions {versions} in one batch")
        first = flight.deliveries[0]
        batch = Batch(
            batch_id=flight.batch_id,
            attempt=flight.attempt,
            reply_to=self.id,
            version_id=first.version.version_id,
            digest=first.version.digest,
            items=tuple(delivery.item for delivery in flight.deliveries),
        )
        try:
            self.world.bus.submit(worker.worker_id, batch)
        except UnavailableError:
            self.scheduler.unsent(flight)
        self.reach("after submit")

    def _decide(self) -> None:
        endings = self.scheduler.books.endings(3)
        marks = {} if endings else self.scheduler.books.marks()
        if endings or marks:
            self.may_freeze("before write")
        self.soon(0.001, self._write, endings, marks)

    def _write(self, endings: list[Ending], marks: dict[Partition, tuple[int, int]]) -> None:
        try:
            if endings:
                self._end(endings)
            if marks:
                self._advance(marks)
        except UnavailableError:
            pass
        busy = bool(self.scheduler.books.jobs)
        pause = self.world.random.uniform(0.01, 0.1 if busy else 0.4)
        self.soon(pause, self._turn)
        self.world.look_whether_done()

    def _end(self, endings: list[Ending]) -> None:
        self.reach("before end")
        fenced = self.world.store.end(endings)
        self.reach("after end")
        for partition in fenced:
            self._intake.fence(partition)
        self.scheduler.books.ended(endings, fenced)

    def _advance(self, marks: dict[Partition, tuple[int, int]]) -> None:
        self.reach("before advance")
        fenced = self.world.store.advance(marks)
        self.reach("after advance")
        for partition in fenced:
            self._intake.fence(partition)
        self.scheduler.books.marked(marks, fenced)
        self._intake.committable = self.scheduler.books.committable


class WorkerProcess(Process):
    """Takes batches from its queue, one at a time."""

    def __init__(self, world: "World", number: int) -> None:
        super().__init__(world, "worker")
        self.id = f"worker-{number:03d}"
        self.running: str | None = None
        self._busy = False
        self._queue: deque[Batch] = deque()
        self._seen: WorkerState | None = None
        self._silent_since: float | None = None

    @property
    def state(self) -> WorkerState:
        """The last heartbeat."""
        running = self.running
        following = self._queue[0].batch_id if self._busy and self._queue else None
        return WorkerState(
            worker_id=self.id,
            queue=self.id,
            device="cpu",
            pid=1,
            running=running,
            following=following,
        )

    @property
    def beat_at(self) -> float:
        """When it last gave a sign of life."""
        if self._silent_since is not None and self.alive and self.world.now >= self.frozen_until:
            self._silent_since = None
        return self.world.now if self._silent_since is None else self._silent_since

    def take(self, batch: Batch) -> None:
        """A batch arrives in the queue."""
        self._queue.append(batch)
        self.do(self._next)

    def die(self) -> None:
        super().die()
        self._silent_since = self.world.now
        self.world.at(self.world.random.uniform(0.2, 1.5), self.world.start_worker)

    def froze(self) -> None:
        self._silent_since = self.world.now

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        self._busy = True
        batch = self._queue.popleft()
        self.running = batch.batch_id
        self.reach("before predict")
        self.soon(self.world.random.uniform(0.005, 0.1), self._predict, batch)

    def _predict(self, batch: Batch) -> None:
        if any(item.job.text == DEADLY for item in batch.items):
            raise DiedError
        self.reach("after predict")
        self.may_freeze("before persist")
        if self.world.mutant.reports_before_it_persists:
            at = tuple((item.partition, item.offset) for item in batch.items)
            self.world.bus.complete(batch.reply_to, self._completion(batch, settled=at))
        self.soon(self.world.random.uniform(0.001, 0.03), self._persist, batch)

    def _persist(self, batch: Batch) -> None:
        self.running = None
        self._busy = False
        completion = self._settle(batch)
        self.reach("after persist")
        self.may_freeze("after persist")
        self.soon(0.001, self._report, batch, completion)
        self.soon(0.002, self._next)

    def _settle(self, batch: Batch) -> Completion:
        if self.world.plan.strikes("model fails"):
            return self._failure(batch, "model_unavailable")
        wall = WALL + self.world.now
        late = [i for i in batch.items if i.job.deadline and i.job.deadline.timestamp() < wall]
        answers = [Answer(i, oracle(i.job.text)) for i in batch.items if i not in late]
        self.world.store.loses_reply = self.world.plan.strikes("commit reply lost")
        try:
            recorded = self.world.store.record(batch, answers, list(map(expired, late)), 0.01)
        except UnavailableError:
            return self._failure(batch, "store_unavailable")
        return self._completion(batch, settled=recorded.settled, fenced=recorded.fenced)

    def _failure(self, batch: Batch, reason: str) -> Completion:
        failed = tuple(Failure(item.partition, item.offset, reason) for item in batch.items)
        return self._completion(batch, failed=failed)

    def _completion(self, batch: Batch, **lists: Any) -> Completion:
        return Completion(batch_id=batch.batch_id, worker_id=self.id, **lists)

    def _report(self, batch: Batch, completion: Completion) -> None:
        if not self.world.mutant.reports_before_it_persists:
            self.world.bus.complete(batch.reply_to, completion)
