"""One history: a seed becomes a world, and the world runs until all is done or something breaks."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from schemas.record import Partition
from tests.unit import examples
from tests.unit.fakes import MemoryLog
from tests.unit.protocol_model.auditor import AuditedStore, ViolationError, check
from tests.unit.protocol_model.bus import Bus
from tests.unit.protocol_model.content import Content
from tests.unit.protocol_model.faults import Plan
from tests.unit.protocol_model.mutants import NONE, Mutant
from tests.unit.protocol_model.processes import DispatcherProcess, WorkerProcess
from workers.core.events import Claimed
from workers.core.routing import Routing
from workers.ports import Claim

TROUBLE_S = 4.0
"""Records are written and faults begin within so many seconds."""
PATIENCE_S = 120.0
"""After which a record without an end is lost."""


class World:
    """Virtual time, the services, the processes, and a plan of what goes wrong."""

    def __init__(self, seed: int, mutant: Mutant = NONE) -> None:
        self.random = Random(seed)
        self.mutant = mutant
        self.now = 0.0
        self.done = False
        self.plan = Plan(self.random)
        self.max_batch = self.random.choice((1, 3, 8))
        self.log = MemoryLog(eager=self.random.random() < 0.5, max_poll=5)
        self.store = AuditedStore(self.log)
        self.bus = Bus(self)
        self.content = Content(self.random, self.log)
        self.dispatchers: list[DispatcherProcess] = []
        self._restless_until = 0.0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._ticket = count()
        self._version_ids = count(1)
        self._rollout()
        mutant.change(self)
        self._begin()

    def run(self) -> None:
        """Let it happen."""
        while not self.done:
            self.now, _, step, args = heapq.heappop(self._heap)
            step(*args)
            check("I10", self.now < PATIENCE_S, f"open: {sorted(self._open(), key=str)}")
        self.store.final(self.content)

    def at(self, delay: float, step: Callable[..., None], *args: Any) -> None:
        """Do a step after a delay."""
        heapq.heappush(self._heap, (self.now + delay, next(self._ticket), step, args))

    def later(self, delay: float) -> float:
        """A delay that the history must outlast; returns it."""
        self._restless_until = max(self._restless_until, self.now + delay + 0.2)
        return delay

    def claim(self, partition: Partition, owner: str) -> Claim:
        """The store's claim, or a mutant's."""
        return self.mutant.claim(self.log, self.store.claim(partition, owner))

    def start_dispatcher(self) -> None:
        self.dispatchers.append(DispatcherProcess(self, len(self.dispatchers)))

    def start_worker(self) -> None:
        worker = WorkerProcess(self, len(self.bus.workers))
        self.bus.workers[worker.id] = worker

    def look_whether_done(self) -> None:
        """End the history when nothing is open and nothing is on its way."""
        if self.now < self._restless_until or self._open():
            return
        self.done = all(not d.scheduler.books.jobs for d in self.dispatchers if d.alive)

    def check_commits(self) -> None:
        for partition, offset in self.log.committed.items():
            sql = self.store.next_offsets.get(partition, 0)
            check("I4", offset <= sql, f"the log has {offset}, SQL {sql}")

    def check_start(self, event: Claimed) -> None:
        """A claim goes on where SQL was, unless somebody has moved SQL since."""
        first = self.log.first[event.partition]
        mark = self.store.next_offsets.get(event.partition, first)
        check("I3", event.next_offset <= mark, "a claim begins beyond SQL's watermark")
        if self.store.epochs[event.partition] == event.epoch:
            check("I3", event.next_offset == mark, "a claim begins before SQL's watermark")

    def _begin(self) -> None:
        for number in range(self.random.choice((1, 1, 2, 3))):
            self.log.create(examples.partition(number), first=self.random.choice((0, 0, 7)))
        for _ in range(self.random.choice((1, 1, 2))):
            self.start_dispatcher()
        for _ in range(self.random.choice((1, 2, 2))):
            self.start_worker()
        for _ in range(self.random.randint(1, 18)):
            self._sometime(self._write)
        for _ in range(self.random.choice((0, 0, 1))):
            self._sometime(self._rollout)
        for name in self.plan.at_a_time:
            self._sometime(self._disturb, name)

    def _sometime(self, step: Callable[..., None], *args: Any) -> None:
        self.at(
            self.later(self.random.choice((0.0, self.random.uniform(0, TROUBLE_S)))), step, *args
        )

    def _write(self) -> None:
        self.content.write(self.random.choice(list(self.log.records)), self.now)

    def _rollout(self) -> None:
        version = examples.version(next(self._version_ids))
        self.routing = Routing([version], [examples.route(version)])
        for dispatcher in self.dispatchers:
            dispatcher.soon(self.random.uniform(0, 0.05), dispatcher.reroute)

    def _disturb(self, name: str) -> None:
        self.plan.happened[name] += 1
        if name.endswith(" away"):
            service = getattr(self, name.removesuffix(" away"))
            service.away = True
            self.at(self.later(self.random.uniform(0.2, 3.0)), setattr, service, "away", False)
        elif name == "rebalance":
            self.log.balance(self.random.randrange(3))
        elif name == "dispatcher joins":
            self.start_dispatcher()
        elif name == "zombie claims":
            self._zombie_claims()
        else:
            self.log.committed = dict.fromkeys(self.log.committed, 0)

    def _zombie_claims(self) -> None:
        """A claim sent before a rebalance reaches the store after the new owner's."""
        if not self.store.away:
            self.store.claim(self.random.choice(list(self.log.records)), "zombie")

    def _open(self) -> set[Any]:
        return self.content.planted.keys() - self._passed()

    def _passed(self) -> set[Any]:
        marks = self.store.next_offsets
        return {at for at in self.store.states if at[1] < marks.get(at[0], 0)}


def history(seed: int, mutant: Mutant = NONE) -> World:
    """Run one history; a violation names the seed that repeats it."""
    world = World(seed, mutant)
    try:
        world.run()
    except ViolationError as violation:
        happened = dict(world.plan.happened)
        raise ViolationError(
            f"history {seed}: {violation} at {world.now:.2f} s; {happened}"
        ) from None
    return world
