"""The hand-over inside one process: Celery in memory out, a mailbox for each dispatcher back.

The dispatcher lives in an event loop, the worker in threads; `MemoryBus` is what they share. One
bus carries one group of dispatchers and workers; two buses know nothing of each other.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence

from schemas.batch import Batch, Completion, WorkerState, encode
from workers.handover import memory_transport, naming
from workers.handover.sender import Sender


class MemoryBus:
    """`Bus` in this process."""

    def __init__(self, heartbeat_s: float) -> None:
        self._valid_s = heartbeat_s * naming.BEATS
        self._lock = threading.Lock()
        self._states: dict[str, tuple[WorkerState, float]] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._wanted: dict[str, float] = {}

    def announce(self, state: WorkerState) -> None:
        """Heartbeat: valid for five intervals."""
        with self._lock:
            self._states[state.worker_id] = (state, time.monotonic() + self._valid_s)

    def withdraw(self, worker_id: str) -> None:
        """Leave at once, so that nothing more is sent."""
        with self._lock:
            self._states.pop(worker_id, None)

    def complete(self, reply_to: str, completion: Completion) -> None:
        """Report a batch to the dispatcher that sent it; dropped where that one has left."""
        with self._lock:
            mailbox = self._mailboxes.get(reply_to)
        if mailbox is not None:
            mailbox.put(completion)

    def workers(self) -> list[WorkerState]:
        """Workers whose heartbeat is fresh."""
        now = time.monotonic()
        with self._lock:
            self._states = {k: v for k, v in self._states.items() if v[1] > now}
            return [state for state, _ in self._states.values()]

    def want(self, models: Collection[str]) -> None:
        """Say for which models jobs wait, for a while."""
        until = time.monotonic() + naming.WANTED_TTL_S
        with self._lock:
            self._wanted |= dict.fromkeys(models, until)

    def wanted(self, models: Sequence[str]) -> frozenset[str]:
        """Those of these models for which a dispatcher says that jobs wait."""
        now = time.monotonic()
        with self._lock:
            return frozenset(one for one in models if self._wanted.get(one, now) > now)

    def open_mailbox(self, dispatcher_id: str) -> "Mailbox":
        """Where completions for this dispatcher arrive from now on."""
        with self._lock:
            return self._mailboxes.setdefault(dispatcher_id, Mailbox())

    def close_mailbox(self, dispatcher_id: str) -> None:
        """Drop what comes for this dispatcher from now on."""
        with self._lock:
            self._mailboxes.pop(dispatcher_id, None)


class Mailbox:
    """Completions from threads to one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[Completion] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()

    def put(self, completion: Completion) -> None:
        """Add one, from any thread."""
        self._waiting.append(completion)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._arrived.set)

    async def take(self, timeout_s: float) -> list[Completion]:
        """All that are there; waits for the first up to `timeout_s`."""
        self._loop = asyncio.get_running_loop()
        self._arrived.clear()
        if not self._waiting:  # looked at after `clear`, so that none is slept over
            try:
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


class MemoryHandOver:
    """`HandOver` in this process."""

    def __init__(self, bus: MemoryBus, dispatcher_id: str) -> None:
        self._bus = bus
        self.dispatcher_id = dispatcher_id
        self._mailbox = bus.open_mailbox(dispatcher_id)
        self._sender = Sender(memory_transport.URL)

    async def workers(self) -> Sequence[WorkerState]:
        """Workers whose heartbeat is fresh."""
        return self._bus.workers()

    async def submit(self, worker: WorkerState, batch: Batch) -> None:
        """Send the batch to this worker's queue."""
        await self._sender.send(worker.queue, encode(batch))

    async def completions(self, timeout_s: float) -> Sequence[Completion]:
        """Wait for completions addressed to this dispatcher; empty after `timeout_s`."""
        return await self._mailbox.take(timeout_s)

    async def want(self, models: Collection[str]) -> None:
        """Let workers that still load know for which models jobs wait."""
        self._bus.want(models)

    async def close(self) -> None:
        """Leave the bus."""
        self._bus.close_mailbox(self.dispatcher_id)
        await self._sender.close()
