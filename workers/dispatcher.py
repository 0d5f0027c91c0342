"""The dispatcher's loop: it carries news to the scheduler and does what the scheduler says.

    intake thread ──events──► Scheduler.receive        batches in, batches out:
    hand-over ──completions─► Scheduler.land           Scheduler.sendings ──► hand-over
    hand-over ──heartbeats──► Scheduler.see            Scheduler.books ─────► SQL, then the log

It alone retries; the hand-over to the workers may lose anything at any time. Each service may go
away and come back: the loop that needs it waits and says so once, the others go on.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from uuid import uuid4

from schemas.batch import Batch, WorkerState
from schemas.errors import TextmillError, UnavailableError
from schemas.record import Ending, Partition, Record
from schemas.settings import DispatchSettings
from workers.core.admission import Waits, admit, pinned, second_of
from workers.core.delivery import Delivery
from workers.core.events import Event
from workers.core.flight import Flight
from workers.core.routing import Routing
from workers.core.scheduler import Scheduler
from workers.core.throttle import rest
from workers.desired import Routes
from workers.duty import AWAY_S, repeat
from workers.failure import kind
from workers.intake import Intake, OpenLog
from workers.lookout import Lookout
from workers.outbox import Outbox
from workers.ports import (
    HandOver,
    Ledger,
    LogWriter,
    Orders,
    Profiles,
    Progress,
    Registry,
    ResultOutbox,
)
from workers.stream import Stream

_log = logging.getLogger(__name__)

STALLED_S: Final = 60.0
"""A poll thread silent for so long hangs: the process ends and its successor goes on."""
DRAIN_S: Final = 30.0
"""How long batches at the workers are waited for at the end."""
AHEAD: Final = 4
"""Events that the poll thread may be ahead of the loop: what it read counts only once received."""
FLUSH_S: Final = 0.1
"""How often endings are written."""
MARKS_S: Final = 0.5
"""How often it is written how far partitions are done: what was settled beyond is passed over
after a restart, so this is only about how much that is."""
ROUTING_S: Final = 1.0
OUTBOX_S: Final = 0.5
STREAM_S: Final = 0.1
"""How often it is looked whether results wait for their topic."""
PROFILES_S: Final = 10.0
"""How often what was learnt of costs is kept."""
PROGRESS_S: Final = 1.0
"""How often it is said what of bulk jobs is at the workers, while something is."""
ORDERS_S: Final = 0.25
"""How often it is looked whether somebody pauses, cancels or prefers a bulk job."""


class Dispatcher:
    """One member of the group of dispatchers; `run` is its whole life."""

    def __init__(
        self,
        *,
        dispatcher_id: str,
        settings: DispatchSettings,
        heartbeat_s: float,
        scheduler: Scheduler,
        open_log: OpenLog,
        open_writer: Callable[[], LogWriter],
        hand_over: HandOver,
        ledger: Ledger,
        registry: Registry,
        routes: Routes,
        profiles: Profiles,
        orders: Orders,
        progress: Progress,
        results: ResultOutbox | None = None,
        steer: Callable[[], object] = lambda: None,
        judge: Callable[[], object] = lambda: None,
    ) -> None:
        self._id = dispatcher_id
        self._settings = settings
        self._heartbeat_s = heartbeat_s
        self._scheduler = scheduler
        self._outbox = Outbox(ledger, open_writer)
        self._stream = None if results is None else Stream(results, open_writer)
        self._hand_over = hand_over
        self._ledger = ledger
        self._registry = registry
        self._routes = routes
        self._steer = steer
        self._judge = judge
        self._profiles = profiles
        self._orders = orders
        self._progress = progress
        self._told_progress = False
        self._routing = Routing((), ())
        self._waits = Waits(interactive=settings.max_wait_s, bulk=settings.bulk_max_wait_s)
        self._news = asyncio.Event()
        self._lookout = Lookout(hand_over, scheduler, self._news.set)
        self._draining = False
        self._ahead = threading.Semaphore(AHEAD)
        self._intake = Intake(
            open_log=open_log,
            ledger=ledger,
            owner=dispatcher_id,
            admit=self._admit,
            tell=self._tell,
            commit_interval_s=settings.commit_interval_s,
        )

    @property
    def behind(self) -> int | None:
        """Records written and not read, where the log knows."""
        return self._intake.behind

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is at the workers and leave.

        Raises:
            UnavailableError: a service does not answer at the start.
            TextmillError: the log could not be read on; a new process may.
        """
        self._loop = asyncio.get_running_loop()
        self._routing = await asyncio.to_thread(self._read_routing)
        self._scheduler.shadows.choose = second_of(self._routing)
        self._scheduler.costs.remember(await asyncio.to_thread(self._profiles.profiles))
        self._scheduler.obey(await asyncio.to_thread(self._orders.orders))
        await asyncio.to_thread(self._intake.start)
        _log.info("%s reads the job log", self._id)
        duties = [
            self._sending(),
            repeat("hand-over", 0.0, self._complete),
            repeat("hand-over", self._heartbeat_s / 2, self._lookout.look),
            repeat("database", FLUSH_S, self._end),
            repeat("database", MARKS_S, self._advance),
            repeat("database", ROUTING_S, self._reroute),
            repeat("database", ROUTING_S, self._judge_canaries),
            repeat("database", PROFILES_S, self._keep_profiles),
            repeat("database", ORDERS_S, self._obey),
            repeat("database", PROGRESS_S, self._tell_progress),
            repeat("dead-letter topic", OUTBOX_S, self._publish_dead_letters),
            self._guard(),
        ]
        if self._stream is not None:
            duties.append(repeat("stream of results", STREAM_S, self._publish_results))
        tasks = [asyncio.create_task(duty) for duty in duties]
        try:
            await self._until(stop, tasks)
            await self._drain()
        finally:
            await self._leave(tasks)

    async def _until(self, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done - {stopped}:
            task.result()

    async def _drain(self) -> None:
        """Take no more records; fill the places at the workers once more, let them finish, then
        write it down."""
        self._draining = self._intake.choke = True
        await self._send(time.monotonic(), flush=True)
        end = time.monotonic() + DRAIN_S
        while self._scheduler.flying and time.monotonic() < end:
            await asyncio.sleep(0.02)
        try:
            await self._end()
            await self._advance()
            await self._tell_progress()
        except TextmillError as error:
            _log.warning("the last watermarks could not be written (%s); nothing is lost", error)

    async def _leave(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._intake.stop)
        await asyncio.to_thread(self._outbox.close)
        if self._stream is not None:
            await asyncio.to_thread(self._stream.close)
        await self._hand_over.close()

    async def _sending(self) -> None:
        while True:
            self._news.clear()
            now = time.monotonic()
            sent = 0 if self._draining else await self._send(now, flush=self._intake.choke)
            self._throttle()
            if not sent and not await self._compare(now):
                await self._wait_for_news(now)

    async def _send(self, now: float, *, flush: bool) -> int:
        """Send what should leave now; returns how many batches."""
        sendings = self._scheduler.sendings(now, flush=flush)
        for worker, flight in sendings:
            await self._submit(worker, flight)
        return len(sendings)

    async def _wait_for_news(self, now: float) -> None:
        at = self._scheduler.next_at()
        wait = 1.0 if at is None or at <= now else min(at - now, 1.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):  # `wait_for` may swallow a cancellation before 3.12
                await self._news.wait()

    async def _compare(self, now: float) -> bool:
        """Let another version answer what is answered, where that costs nobody anything; whether
        there was anything."""
        placed = None if self._draining else self._scheduler.comparison(now)
        if placed is None:
            return False
        worker, deliveries = placed
        batch = self._batch(uuid4().hex, worker, deliveries, attempt=1, shadow=True)
        self._scheduler.shadows.sent(batch.batch_id, worker.worker_id, len(deliveries), now)
        with contextlib.suppress(UnavailableError):  # dropped: nobody waits for it
            await self._hand_over.submit(worker, batch)
        return True

    async def _submit(self, worker: WorkerState, flight: Flight) -> None:
        batch = self._batch(
            flight.batch_id, worker, flight.deliveries, flight.attempt, passes=flight.passes
        )
        try:
            await self._hand_over.submit(worker, batch)
        except UnavailableError as error:
            _log.debug("batch %s could not be handed over: %s", flight.batch_id, error)
            self._scheduler.unsent(flight)
            await asyncio.sleep(AWAY_S)

    def _batch(
        self,
        batch_id: str,
        worker: WorkerState,
        deliveries: Sequence[Delivery],
        attempt: int,
        *,
        shadow: bool = False,
        passes: bool = False,
    ) -> Batch:
        version = deliveries[0].version
        return Batch(
            batch_id=batch_id,
            attempt=attempt,
            reply_to=self._id,
            version_id=version.version_id,
            digest=version.digest,
            items=tuple(delivery.item for delivery in deliveries),
            worker_id=worker.worker_id,
            formed_at=time.time(),
            shadow=shadow,
            passes=passes,
        )

    def _throttle(self) -> None:
        """Let the intake rest while enough is in memory."""
        resting = rest(self._scheduler, self._settings, time.monotonic())
        self._intake.choke_bulk = resting.bulk
        self._intake.choke = self._draining or resting.all

    async def _complete(self) -> None:
        for completion in await self._hand_over.completions(1.0):
            self._fence(self._scheduler.land(completion, time.monotonic()))
            self._news.set()

    async def _end(self) -> None:
        """Tell SQL what has ended."""
        books = self._scheduler.books
        while endings := books.endings(500):
            fenced = await asyncio.to_thread(self._ledger.end, endings)
            self._fence(fenced)
            books.ended(endings, fenced)
            self._news.set()

    async def _advance(self) -> None:
        """Tell SQL how far each partition is done; then the log may know."""
        books = self._scheduler.books
        if marks := books.marks():
            fenced = await asyncio.to_thread(self._ledger.advance, marks)
            self._fence(fenced)
            books.marked(marks, fenced)
            self._intake.committable = books.committable

    def _fence(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._intake.fence(partition)

    def _read_routing(self) -> Routing:
        return Routing(self._registry.versions(), self._routes.table(), self._routes.aliases())

    def _steer_and_read(self) -> Routing:
        self._steer()
        return self._read_routing()

    async def _reroute(self) -> None:
        """Do what is next of deployments; form batches by the routes that stand then."""
        routing = await asyncio.to_thread(self._steer_and_read)
        if routing != self._routing:
            self._routing = routing
            self._scheduler.pin(partial(pinned, routing=routing), AHEAD + 1, second_of(routing))
            self._news.set()

    async def _judge_canaries(self) -> None:
        await asyncio.to_thread(self._judge)

    async def _keep_profiles(self) -> None:
        if news := self._scheduler.costs.news:
            await asyncio.to_thread(self._profiles.keep, news)
            self._scheduler.costs.kept(news)

    async def _obey(self) -> None:
        self._scheduler.obey(await asyncio.to_thread(self._orders.orders))
        self._news.set()

    async def _tell_progress(self) -> None:
        running = self._scheduler.running()
        if running or self._told_progress:
            await asyncio.to_thread(self._progress.tell, self._id, running)
            self._told_progress = bool(running)

    async def _publish_dead_letters(self) -> None:
        await asyncio.to_thread(self._outbox.publish)

    async def _publish_results(self) -> None:
        assert self._stream is not None
        while number := await asyncio.to_thread(self._stream.publish):
            self._scheduler.counts["streamed"] += number

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self._intake.failure is not None:
                failure = self._intake.failure
                raise TextmillError(f"the log could not be read on: {kind(failure)}") from failure
            if time.monotonic() - self._intake.ticked_at > STALLED_S:
                raise TextmillError(f"the poll thread has not answered for {STALLED_S:.0f} s")

    def _admit(self, record: Record, epoch: int) -> Delivery | Ending:
        return admit(record, epoch, self._routing, self._waits, time.monotonic(), time.time())

    def _tell(self, event: Event) -> None:
        """Called by the poll thread, which waits while the loop cannot keep up."""
        self._ahead.acquire()
        self._loop.call_soon_threadsafe(self._receive, event)

    def _receive(self, event: Event) -> None:
        self._scheduler.receive(event)
        self._throttle()  # at once: the loop that sends may be waiting for the hand-over
        self._ahead.release()
        self._news.set()
