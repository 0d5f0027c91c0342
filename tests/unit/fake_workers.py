"""A hand-over in memory with workers that answer by an oracle, and that may lose and die.

The oracle depends on every bit of one text and on nothing else, so an answer that belongs to
another text shows.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from itertools import count

from schemas.batch import (
    Batch,
    Completion,
    Failure,
    WorkerState,
    decode_batch,
    decode_completion,
    encode,
)
from schemas.errors import UnavailableError
from schemas.prediction import Prediction
from tests.unit.fakes import MemoryStore
from workers.ports import Answer

DEADLY = "deadly"


def oracle(text: str) -> Prediction:
    return Prediction(tokens=len(text), label=blake2b(text.encode(), digest_size=8).hexdigest())


class MemoryHandOver:
    """`HandOver` and the workers behind it, as tasks of the same loop."""

    def __init__(self, store: MemoryStore, workers: int = 1, *, ttl_s: float = 0.1) -> None:
        """
        Args:
            store: where the workers put results.
            workers: how many there are; one that dies has a successor.
            ttl_s: how long the dead look alive.
        """
        self.away = False
        self.closed = False
        self.batches: list[Batch] = []
        """Whatever was submitted, also what was lost."""
        self.deaths = 0
        self.arrives: Callable[[Batch], int] = lambda batch: 1
        """How many copies of a batch reach the worker."""
        self.reports: Callable[[Completion], Sequence[float]] = lambda completion: (0.0,)
        """Delays of the copies of a completion that reach the dispatcher."""
        self.submit_s = 0.0
        """How long it takes to hand a batch over."""
        self.pace_s = 0.0
        """How long a worker takes for a batch."""
        self.compute_s = 0.0
        """How long it says that it took."""
        self.versions: tuple[int, ...] = ()
        """Versions that every worker says it has."""
        self._store = store
        self._ttl_s = ttl_s
        self._numbers = count(1)
        self.wanted: set[str] = set()
        self._queues: dict[str, asyncio.Queue[bytes]] = {}
        self._states: dict[str, WorkerState] = {}
        self._completions: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        for _ in range(workers):
            self.start_worker()

    async def workers(self) -> Sequence[WorkerState]:
        self._answer()
        return list(self._states.values())

    async def submit(self, worker: WorkerState, batch: Batch) -> None:
        self._answer()
        await asyncio.sleep(self.submit_s)
        self.batches.append(batch)
        for _ in range(self.arrives(batch)):
            self._queues[worker.worker_id].put_nowait(encode(batch))

    async def completions(self, timeout_s: float) -> Sequence[Completion]:
        self._answer()
        try:
            async with asyncio.timeout(timeout_s):
                return [decode_completion(await self._completions.get())]
        except TimeoutError:
            return ()

    async def want(self, models: Collection[str]) -> None:
        self._answer()
        self.wanted |= set(models)

    async def close(self) -> None:
        self.closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start_worker(self) -> None:
        """Add a worker."""
        name = f"w{next(self._numbers)}"
        self._queues[name] = asyncio.Queue()
        self._announce(name, None)
        self._begin(self._work(name))

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("the hand-over is away")

    def _begin(self, work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _announce(self, name: str, running: str | None) -> None:
        self._states[name] = WorkerState(
            worker_id=name,
            queue=name,
            device="cpu",
            pid=1,
            running=running,
            versions=self.versions,
        )

    async def _work(self, name: str) -> None:
        while True:
            batch = decode_batch(await self._queues[name].get())
            self._announce(name, batch.batch_id)
            await asyncio.sleep(self.pace_s)
            if any(item.job.text == DEADLY for item in batch.items):
                await self._die(name)
                return
            self._report(self._settle(name, batch))
            self._announce(name, None)

    async def _die(self, name: str) -> None:
        self.deaths += 1
        self.start_worker()
        await asyncio.sleep(self._ttl_s)
        del self._states[name]

    def _settle(self, name: str, batch: Batch) -> Completion:
        answers = [Answer(item, oracle(item.job.text)) for item in batch.items]
        if batch.shadow:
            self._store.compare(batch, answers, 0.0, "")
            return Completion(batch_id=batch.batch_id, worker_id=name)
        try:
            recorded = self._store.record(batch, answers, [], 0.0)
        except UnavailableError:
            failed = tuple(Failure(i.partition, i.offset, "store_unavailable") for i in batch.items)
            return Completion(batch_id=batch.batch_id, worker_id=name, failed=failed)
        return Completion(
            batch_id=batch.batch_id,
            worker_id=name,
            settled=recorded.settled,
            fenced=recorded.fenced,
            compute_s=self.compute_s,
        )

    def _report(self, completion: Completion) -> None:
        loop = asyncio.get_running_loop()
        for delay in self.reports(completion):
            loop.call_later(delay, self._completions.put_nowait, encode(completion))
