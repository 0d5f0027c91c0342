"""A dispatcher over ports in memory, with short leases and heartbeats."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from schemas.settings import DispatchSettings
from schemas.topics import DEAD_LETTERS, RESULT_TOPICS
from tests.unit import examples
from tests.unit.examples import partition, value
from tests.unit.fake_workers import MemoryHandOver, oracle
from tests.unit.fakes import MemoryLog, MemoryOutbox, MemoryStore
from workers import dispatcher as module
from workers import duty, intake
from workers.core.batcher import Batcher
from workers.core.costs import Costs
from workers.core.flights import Flights
from workers.core.formed import Limits
from workers.core.scheduler import Scheduler
from workers.dispatcher import Dispatcher

P0, P1 = partition(0), partition(1)
HEARTBEAT_S = 0.02
PATIENCE_S = 0.1
LEASE_S = 2.0


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses of dispatcher and intake short."""
    for name in ("FLUSH_S", "MARKS_S", "AWAY_S", "OUTBOX_S", "ROUTING_S", "PROGRESS_S", "STREAM_S"):
        monkeypatch.setattr(module, name, 0.02)
    monkeypatch.setattr(duty, "AWAY_S", 0.02)
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
        results: MemoryOutbox | None = None,
    ) -> None:
        """`after` is the mill whose log and store this one goes on with; `results` wait for their
        topic."""
        self.version = examples.version()
        self.log = after.log if after else self.new_log()
        self.store = after.store if after else MemoryStore(self.version)
        self.hand_over = MemoryHandOver(self.store, workers)
        self.letters: list[tuple[str, bytes]] = []
        self.told: list[str] = []
        """Jobs whose results are on their topic."""
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
            routes=self.store,
            profiles=self.store,
            orders=self.store,
            progress=self.store,
            results=results,
        )

    @staticmethod
    def new_log() -> MemoryLog:
        log = MemoryLog(waits=True)
        log.create(P0)
        log.create(P1)
        return log

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """The `LogWriter` of dead letters and results."""
        if topic in RESULT_TOPICS:
            self.told += [key for key, _ in records]
            return
        assert topic == DEAD_LETTERS
        self.letters += records

    def close(self) -> None:
        """The same."""

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
