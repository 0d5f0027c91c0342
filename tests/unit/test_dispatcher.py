"""The dispatcher's whole loop over ports in memory: all is answered once, whatever gets lost.

Leases and heartbeats are short, so that what takes minutes in service takes tenths of a second.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from schemas.batch import Completion
from schemas.errors import TextmillError, UnavailableError
from schemas.record import Terminal
from schemas.settings import DispatchSettings
from schemas.topics import DEAD_LETTERS
from tests.unit import examples
from tests.unit.examples import partition, value
from tests.unit.fake_workers import DEADLY, MemoryHandOver, oracle
from tests.unit.fakes import MemoryLog, MemoryStore
from workers import dispatcher as module
from workers import intake
from workers.core.batcher import Batcher
from workers.core.costs import Costs
from workers.core.events import Arrived, Claimed
from workers.core.flights import Flights
from workers.core.formed import Limits
from workers.core.scheduler import Scheduler
from workers.dispatcher import Dispatcher
from workers.ports import Profile

P0, P1 = partition(0), partition(1)
HEARTBEAT_S = 0.02
PATIENCE_S = 0.1
LEASE_S = 2.0


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLUSH_S", "AWAY_S", "OUTBOX_S", "ROUTING_S"):
        monkeypatch.setattr(module, name, 0.02)
    monkeypatch.setattr(intake, "RECLAIM_S", 0.1)


class Mill:
    """A dispatcher with a log, a store and workers, all in memory."""

    def __init__(
        self,
        *,
        workers: int = 1,
        max_batch: int = 8,
        max_in_flight: int = 1000,
        after: "Mill | None" = None,
    ) -> None:
        """`after` is the mill whose log and store this one goes on with."""
        self.version = examples.version()
        self.log = after.log if after else self.new_log()
        self.store = after.store if after else MemoryStore(self.version)
        self.hand_over = MemoryHandOver(self.store, workers)
        self.letters: list[tuple[str, bytes]] = []
        self.texts: dict[str, str] = after.texts if after else {}
        self.stop = asyncio.Event()
        self.scheduler = Scheduler(
            batcher=Batcher(Limits(max_batch=max_batch, token_budget=10_000)),
            flights=Flights(lease_s=LEASE_S, patience_s=PATIENCE_S),
            costs=Costs(10_000),
        )
        self.dispatcher = Dispatcher(
            dispatcher_id="d1",
            settings=DispatchSettings(max_in_flight=max_in_flight, commit_interval_s=0.05),
            heartbeat_s=HEARTBEAT_S,
            scheduler=self.scheduler,
            open_log=lambda: self.log.member("d1"),
            open_writer=lambda: self,
            hand_over=self.hand_over,
            ledger=self.store,
            registry=self.store,
            profiles=self.store,
        )

    @staticmethod
    def new_log() -> MemoryLog:
        log = MemoryLog(waits=True)
        log.create(P0)
        log.create(P1)
        return log

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """The dead letters' `LogWriter`."""
        assert topic == DEAD_LETTERS
        self.letters += records

    def close(self) -> None:
        """The dead letters' `LogWriter`."""

    def publish(self, count: int, text: str = "text") -> None:
        for _ in range(count):
            number = len(self.texts)
            self.texts[f"job-{number}"] = f"{text} {number}"
            at = (P0, P1)[number % 2]
            self.log.append(at, value(f"job-{number}", f"{text} {number}"))

    async def until(self, holds: Callable[[], bool], within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                await asyncio.sleep(0.005)

    async def all_done(self) -> None:
        await self.until(lambda: self.store.next_offsets == self.log.end)

    def is_right(self) -> None:
        """Each record ended once, each job has its own answer, the log knows no more than SQL."""
        records = [(r.partition, r.offset) for log in self.log.records.values() for r in log]
        assert {at: len(self.store.states[at]) for at in records} == dict.fromkeys(records, 1)
        answers = {row.job[1]: row.prediction for row in self.store.rows}
        assert answers == {job_id: oracle(text) for job_id, text in self.texts.items()}
        assert len(self.store.rows) == len(self.texts)
        for at, offset in self.log.committed.items():
            assert offset <= self.store.next_offsets[at]


@asynccontextmanager
async def milling(mill: Mill) -> AsyncIterator[None]:
    running = asyncio.create_task(mill.dispatcher.run(mill.stop))
    try:
        yield
    finally:
        mill.stop.set()
        await running


def tell(story: Callable[[], object]) -> None:
    """Run a story on a fresh loop."""
    asyncio.run(story())  # type: ignore[arg-type]


def test_all_is_answered_once_and_told_to_sql_and_then_to_the_log() -> None:
    async def story() -> None:
        mill = Mill(workers=2)
        mill.publish(200)
        async with milling(mill):
            await mill.all_done()
            mill.publish(20)
            await mill.all_done()
        mill.is_right()
        assert mill.log.committed == mill.log.end
        assert mill.log.members == []
        assert mill.hand_over.closed
        assert {batch.reply_to for batch in mill.hand_over.batches} == {"d1"}
        assert {batch.digest for batch in mill.hand_over.batches} == {mill.version.digest}

    tell(story)


def test_batches_lost_in_the_hand_over_are_sent_again() -> None:
    async def story() -> None:
        mill = Mill()
        mill.hand_over.arrives = lambda batch: 1 if batch.attempt > 1 else 0
        mill.publish(20)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()
        assert mill.scheduler.counts["lost_in_hand_over"] > 0

    tell(story)


def test_batches_that_arrive_twice_are_answered_once() -> None:
    async def story() -> None:
        mill = Mill(workers=2)
        mill.hand_over.arrives = lambda batch: 2
        mill.publish(50)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()

    tell(story)


@pytest.mark.parametrize(
    "fate",
    [
        pytest.param(lambda first: () if first else (0.0,), id="lost"),
        pytest.param(lambda first: (0.0, 0.0, 0.1), id="doubled"),
        pytest.param(lambda first: (0.8,) if first else (0.0,), id="late"),
    ],
)
def test_reports_may_be_lost_doubled_or_late(fate: Callable[[bool], Sequence[float]]) -> None:
    async def story() -> None:
        mill = Mill()
        seen: list[str] = []

        def reports(completion: Completion) -> Sequence[float]:
            seen.append(completion.batch_id)
            return fate(len(seen) <= 2)

        mill.hand_over.reports = reports
        mill.publish(30)
        async with milling(mill):
            await mill.all_done()
            await asyncio.sleep(0.1)
        mill.is_right()

    tell(story)


def test_a_deadly_text_is_quarantined_and_its_neighbours_are_answered() -> None:
    async def story() -> None:
        mill = Mill(workers=2, max_batch=4)
        mill.publish(5)
        mill.log.append(P0, value("killer", DEADLY))
        mill.publish(5)
        async with milling(mill):
            await mill.all_done()
            await mill.until(lambda: bool(mill.letters))
        mill.is_right()
        (at,) = mill.store.of(Terminal.QUARANTINED)
        assert at[0] == P0
        assert mill.hand_over.deaths >= 4
        assert json.loads(mill.letters[0][1])["job_id"] == "killer"

    tell(story)


def test_what_is_staged_behind_a_deadly_text_is_answered() -> None:
    async def story() -> None:
        mill = Mill(workers=1, max_batch=1)
        mill.log.append(P0, value("killer", DEADLY))
        mill.publish(3)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()
        assert mill.scheduler.counts["worker_gone"] > 0
        assert mill.scheduler.counts["worker_died_running_it"] > 0

    tell(story)


@pytest.mark.parametrize("service", ["store", "hand_over", "log"])
def test_a_service_may_go_away_and_come_back(service: str, monkeypatch, caplog) -> None:
    monkeypatch.setattr(intake, "AWAY_S", 0.05)

    async def story() -> None:
        mill = Mill()
        mill.publish(10)
        async with milling(mill):
            await mill.all_done()
            getattr(mill, service).away = True
            mill.publish(10)
            await asyncio.sleep(0.3)
            getattr(mill, service).away = False
            await mill.all_done()
        mill.is_right()

    tell(story)
    if service != "log":
        assert "fails, trying on" in caplog.text
        assert "works again" in caplog.text


def test_a_store_away_from_the_moment_of_the_claim_delays_and_loses_nothing() -> None:
    async def story() -> None:
        mill = Mill()
        claim = mill.store.claim
        tries: list[str] = []

        def failing_twice(at, owner):
            tries.append(owner)
            if len(tries) < 3:
                raise UnavailableError("not yet")
            return claim(at, owner)

        mill.store.claim = failing_twice
        mill.publish(10)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()

    tell(story)


def test_without_routing_at_the_start_it_does_not_start() -> None:
    async def story() -> None:
        mill = Mill()
        mill.store.away = True
        with pytest.raises(UnavailableError):
            await mill.dispatcher.run(mill.stop)

    tell(story)


def test_a_claim_outdated_by_a_zombie_is_renewed() -> None:
    async def story() -> None:
        mill = Mill()
        async with milling(mill):
            await mill.until(lambda: mill.store.next_offsets == {P0: 0, P1: 0})
            mill.store.claim(P0, "zombie")
            mill.publish(10)
            await mill.all_done()
        mill.is_right()
        assert mill.store.epochs == {P0: 3, P1: 1}
        assert mill.scheduler.counts["fenced"] > 0

    tell(story)


def test_rubbish_becomes_dead_letters_and_harms_nobody() -> None:
    async def story() -> None:
        mill = Mill()
        mill.publish(4)
        mill.log.append(P0, b"rubbish", None, value("a", "x", metadata={"n": 2**70}))
        mill.log.append(P1, value("b", "x", deadline="0001-01-01T00:00:00+23:59"))
        mill.publish(4)
        async with milling(mill):
            await mill.all_done()
            await mill.until(lambda: len(mill.store.published) == 4)
        mill.is_right()
        assert len(mill.store.of(Terminal.INVALID)) == 4
        assert sorted(letter for _, letter in mill.letters) == sorted(mill.store.letters.values())

    tell(story)


def test_the_same_job_twice_is_answered_once_and_another_text_is_a_conflict() -> None:
    async def story() -> None:
        mill = Mill()
        mill.publish(1)
        async with milling(mill):
            await mill.all_done()
            mill.log.append(P1, value("job-0", "text 0"), value("job-0", "other"))
            await mill.all_done()
        mill.is_right()
        assert mill.store.of(Terminal.DUPLICATE) == [(P1, 0)]
        assert mill.store.of(Terminal.CONFLICT) == [(P1, 1)]

    tell(story)


def test_memory_has_a_cap_and_all_is_answered_under_it() -> None:
    async def story() -> None:
        mill = Mill(max_in_flight=20)
        mill.log.max_poll = 10
        mill.hand_over.pace_s = 0.002
        most = 0
        mill.publish(200)
        async with milling(mill):
            while mill.store.next_offsets != mill.log.end:
                most = max(most, mill.scheduler.books.jobs)
                await asyncio.sleep(0.001)
        mill.is_right()
        assert 20 <= most <= 20 + (module.AHEAD + 2) * 10

    tell(story)


def test_stopping_finishes_what_is_at_the_workers_and_leaves_the_rest_in_the_log() -> None:
    async def story() -> None:
        mill = Mill(max_batch=2)
        mill.hand_over.pace_s = 0.1
        mill.publish(40)
        async with milling(mill):
            await mill.until(lambda: bool(mill.store.rows))
            mill.stop.set()
        sent = {i.job.job_id for batch in mill.hand_over.batches for i in batch.items}
        answered = {row.job[1] for row in mill.store.rows}
        assert answered == sent
        assert 0 < len(answered) < 40
        assert sum(mill.store.next_offsets.values()) == len(answered)
        assert sum(mill.log.committed.values()) == len(answered)

    tell(story)


def test_a_successor_goes_on_where_a_stopped_one_was() -> None:
    async def story() -> None:
        first = Mill(max_batch=2)
        first.hand_over.pace_s = 0.02
        first.publish(40)
        async with milling(first):
            await first.until(lambda: len(first.store.rows) >= 6)
        second = Mill(after=first)
        async with milling(second):
            await second.all_done()
        second.is_right()

    tell(story)


def test_a_bug_in_the_poll_thread_ends_the_dispatcher() -> None:
    async def story() -> None:
        mill = Mill()
        mill.store.claim = lambda at, owner: 1 / 0
        with pytest.raises(TextmillError, match="could not be read on"):
            await asyncio.wait_for(mill.dispatcher.run(mill.stop), 5)
        assert mill.hand_over.closed

    tell(story)


def test_a_poll_thread_that_hangs_ends_the_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.3)
    monkeypatch.setattr(intake, "LEAVE_S", 0.1)
    thaw = threading.Event()

    async def story() -> None:
        mill = Mill()
        mill.store.claim = lambda at, owner: thaw.wait()
        with pytest.raises(TextmillError, match="poll thread"):
            await asyncio.wait_for(mill.dispatcher.run(mill.stop), 5)

    try:
        tell(story)
    finally:
        thaw.set()


def test_a_routed_version_takes_over_between_batches() -> None:
    async def story() -> None:
        mill = Mill()
        mill.publish(5)
        newer = examples.version(2)
        async with milling(mill):
            await mill.all_done()
            mill.store.registered = (mill.version, newer)
            await asyncio.sleep(0.1)
            mill.publish(5)
            await mill.all_done()
        mill.is_right()
        assert [row.version_id for row in mill.store.rows] == [1] * 5 + [2] * 5
        assert {batch.version_id for batch in mill.hand_over.batches} == {1, 2}

    tell(story)


def test_what_was_learnt_of_costs_is_kept_and_the_next_dispatcher_begins_with_it(
    monkeypatch,
) -> None:
    monkeypatch.setattr(module, "PROFILES_S", 0.02)

    async def story() -> None:
        first = Mill()
        first.hand_over.compute_s = 0.01
        first.publish(40)
        async with milling(first):
            await first.all_done()
            await first.until(lambda: bool(first.store.costs))
        (kept,) = first.store.costs.values()
        assert (kept.version_id, kept.kind) == (first.version.version_id, "cpu")
        second = Mill(after=first)
        async with milling(second):
            second.publish(1)
            await second.all_done()
        assert second.scheduler.costs.price("w1", kept.version_id).cost is not None

    tell(story)


def test_bulk_partitions_rest_first_when_the_workers_have_seconds_enough_before_them() -> None:
    mill = Mill(workers=0)
    mill.scheduler.costs.remember([Profile(mill.version.version_id, "cpu", (0.0, 1.0, 0.0), 1)])
    mill.scheduler.receive(Claimed(P0, 1, 0))
    rests = []
    for number in range(3):
        mill.dispatcher._throttle()
        rests.append((mill.dispatcher._intake.choke_bulk, mill.dispatcher._intake.choke))
        arrived = examples.delivery(number, padded=24)
        mill.scheduler.receive(Arrived(P0, [(number, 9, arrived)]))
    assert rests == [(False, False), (True, False), (True, True)]


def test_a_job_past_its_deadline_ends_as_expired_though_no_worker_lives() -> None:
    async def story() -> None:
        mill = Mill(workers=0)
        soon = datetime.now(UTC) + timedelta(seconds=0.3)
        mill.log.append(P0, value("late", deadline=soon.isoformat()))
        async with milling(mill):
            await mill.all_done()
        assert mill.store.of(Terminal.EXPIRED) == [(P0, 0)]
        assert mill.hand_over.batches == []

    tell(story)
