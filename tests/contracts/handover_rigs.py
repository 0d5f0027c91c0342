"""The same workers and dispatchers over Redis and in memory, for the contract of the hand-over.

The worker's end is the real `QueueReader` with a handler that answers at once: what is tested is
the way there and back, not a model.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

import pytest

from schemas.batch import Batch, BatchItem, Completion, WorkerState, decode_batch
from schemas.job import Job
from schemas.record import Partition
from schemas.task import Task
from workers.handover import memory_transport
from workers.handover.celery_app import build_app, queue_named
from workers.handover.consumer import QueueReader
from workers.handover.memory import MemoryBus, MemoryHandOver
from workers.handover.naming import queue_of
from workers.handover.redis_bus import RedisBus
from workers.handover.redis_handover import RedisHandOver
from workers.handover.sender import Sender

PARTITION = Partition("0" * 32, 0, "textmill.jobs.sentiment")
HEARTBEAT_S = 0.3
_numbers = count()


def make_batch(
    batch_id: str, reply_to: str, texts: tuple[str, ...] = ("a text", "另一句")
) -> Batch:
    """A batch of these texts."""
    return Batch(
        batch_id=batch_id,
        attempt=1,
        reply_to=reply_to,
        version_id=1,
        digest="d",
        items=tuple(
            BatchItem(PARTITION, n, 1, Job(job_id=str(n), text=text), "en", Task.SENTIMENT, 0, 0.0)
            for n, text in enumerate(texts)
        ),
    )


class EchoWorker:
    """Reads its queue, keeps what came, and reports it complete."""

    def __init__(self, broker_url: str, bus: Any) -> None:
        self.worker_id = f"echo-{next(_numbers)}"
        self.queue = queue_of(self.worker_id)
        self.state = WorkerState(
            worker_id=self.worker_id, queue=self.queue, device="cpu", pid=1, versions=(1,)
        )
        self.batches: list[Batch] = []
        self.arrivals: list[float] = []
        self._broker_url = broker_url
        self._bus = bus
        self._ready = threading.Event()
        self._beating = threading.Event()
        self._reader = QueueReader(build_app(broker_url, self._take), queue_named(self.queue))
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._beat)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._beating.set()
        self._reader.stop(self._wake)
        for thread in self._threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self._threads)

    def _read(self) -> None:
        self._reader.run(self._ready.set)

    def _beat(self) -> None:
        while not self._beating.is_set():
            with contextlib.suppress(Exception):
                self._bus.announce(self.state)
            self._beating.wait(HEARTBEAT_S)

    def _take(self, message: bytes) -> None:
        if not message:
            return
        self.arrivals.append(time.perf_counter())
        batch = decode_batch(message)
        self.batches.append(batch)
        settled = tuple((item.partition, item.offset) for item in batch.items)
        done = Completion(batch_id=batch.batch_id, worker_id=self.worker_id, settled=settled)
        self._bus.complete(batch.reply_to, done)

    def _wake(self) -> None:
        sender = Sender(self._broker_url)
        with contextlib.suppress(Exception):
            sender.send_blocking(self.queue, b"")
        sender.close_blocking()


class Rig(Protocol):
    """One kind of hand-over."""

    name: str
    broker_url: str

    def bus(self) -> Any: ...
    def hand_over(self, dispatcher_id: str) -> Any: ...


class RedisRig:
    """Over Redis."""

    name = "redis"

    def __init__(self, url: str) -> None:
        self.broker_url = url

    def bus(self) -> RedisBus:
        return RedisBus(self.broker_url, HEARTBEAT_S)

    def hand_over(self, dispatcher_id: str) -> RedisHandOver:
        return RedisHandOver(self.broker_url, dispatcher_id)


class MemoryRig:
    """In this process."""

    name = "memory"
    broker_url = memory_transport.URL

    def __init__(self) -> None:
        self._bus = MemoryBus(HEARTBEAT_S)

    def bus(self) -> MemoryBus:
        return self._bus

    def hand_over(self, dispatcher_id: str) -> MemoryHandOver:
        return MemoryHandOver(self._bus, dispatcher_id)


def rig_of(request: pytest.FixtureRequest) -> Rig:
    """The kind of hand-over that a fixture's parameter names."""
    return (
        RedisRig(request.getfixturevalue("redis_url")) if request.param == "redis" else MemoryRig()
    )


@contextlib.contextmanager
def working(rig: Rig, workers: int = 1) -> Iterator[list[EchoWorker]]:
    """Echo workers that run while the block does."""
    buses = [rig.bus() for _ in range(workers)]
    echoes = [EchoWorker(rig.broker_url, bus) for bus in buses]
    try:
        for echo in echoes:
            echo.start()
        yield echoes
    finally:
        for echo in echoes:
            echo.stop()
        for bus in buses:
            if isinstance(bus, RedisBus):
                bus.close()


async def until(condition: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """Wait for a condition (a function or a coroutine function) to hold."""
    end = time.monotonic() + timeout_s
    while True:
        held = condition()
        held = await held if asyncio.iscoroutine(held) else held
        if held:
            return held
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


async def collect(hand_over: Any, number: int, timeout_s: float = 20.0) -> list[Completion]:
    """The next `number` completions of a dispatcher."""
    completions: list[Completion] = []
    end = time.monotonic() + timeout_s
    while len(completions) < number:
        assert time.monotonic() < end, f"{len(completions)} of {number} completions came"
        completions += await hand_over.completions(0.2)
    return completions
