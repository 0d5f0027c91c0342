"""The imagined hand-over: it loses, doubles, delays and refuses."""

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from schemas.batch import Batch, Completion, WorkerState
from schemas.errors import UnavailableError

if TYPE_CHECKING:
    from tests.unit.protocol_model.processes import WorkerProcess
    from tests.unit.protocol_model.world import World

TTL_S = 0.4
"""How long a heartbeat counts."""


class Bus:
    """Batches to workers, completions to dispatchers, heartbeats for all."""

    def __init__(self, world: "World") -> None:
        self.away = False
        self.workers: dict[str, WorkerProcess] = {}
        self._world = world
        self._mailboxes: defaultdict[str, deque[Completion]] = defaultdict(deque)

    def states(self) -> list[WorkerState]:
        """Workers whose heartbeat is fresh: the dead look alive for a while."""
        self._answer()
        now = self._world.now
        return [w.state for w in self.workers.values() if now - w.beat_at <= TTL_S]

    def submit(self, worker_id: str, batch: Batch) -> None:
        """Send a batch; it arrives soon, late, twice or never."""
        self._answer()
        if self._world.plan.strikes("batch refused"):
            raise UnavailableError("the bus takes no batch")
        worker = self.workers[worker_id]
        for delay in self._delays("batch"):
            self._world.at(delay, worker.take, batch)

    def complete(self, reply_to: str, completion: Completion) -> None:
        """Report a batch; it arrives soon, late, twice or never."""
        if self.away:
            return
        for delay in self._delays("completion"):
            self._world.at(delay, self._mailboxes[reply_to].append, completion)

    def collect(self, dispatcher_id: str) -> list[Completion]:
        """What has arrived for this dispatcher."""
        self._answer()
        mailbox = self._mailboxes[dispatcher_id]
        found = list(mailbox)
        mailbox.clear()
        return found

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("the bus is away")

    def _delays(self, what: str) -> list[float]:
        soon = self._world.random.uniform(0.001, 0.02)
        strikes = self._world.plan.strikes
        if strikes(f"{what} lost"):
            return []
        if strikes(f"{what} late"):
            return [self._world.later(self._world.random.uniform(1.0, 8.0))]
        if strikes(f"{what} doubled"):
            return [soon, self._world.later(self._world.random.uniform(0.0, 5.0))]
        return [soon]
