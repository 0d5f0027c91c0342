"""Answers for comparison: which jobs a second version answers too, and when it may.

A job that has its answer may be asked of another version: of the route's shadow, or, where the
canary answered, of the live version, so that both can be compared on the same texts. Nobody waits
for it. So it goes only to a worker that has nothing else to do and holds the version already, a
small batch at a time, and what does not find room is dropped and counted. What is lost stays lost.
Pure; `now` is the monotonic clock in seconds.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from schemas.batch import WorkerState
from schemas.record import Partition
from workers.core.delivery import Delivery
from workers.ports import ModelVersion

MOST: Final = 2_000
"""Jobs that may wait; what comes beyond is dropped."""
PATIENCE_S: Final = 60.0
"""What has waited for so long is dropped, as is a batch that is not back by then."""
TOKENS: Final = 1_024
"""Padded tokens of one batch at most, since an interactive job may come while it runs."""


class Sample(msgspec.Struct, frozen=True):
    """A job that another version shall answer."""

    delivery: Delivery
    """With that version."""
    since: float


Chooser = Callable[[Delivery], ModelVersion | None]
"""Gives the version that shall answer a job too; None: none does."""


class Shadows:
    """What waits, and what is out. Not thread-safe."""

    def __init__(self, counts: Counter[str], most: int = MOST, tokens: int = TOKENS) -> None:
        """
        Args:
            counts: where jobs are counted as `shadow_sent` and `shadow_dropped`.
            most: jobs that may wait.
            tokens: padded tokens of a batch at most, one text at least.
        """
        self._counts = counts
        self.choose: Chooser | None = None
        """Gives the version that shall answer a job too; None: no job has any."""
        self._most = most
        self._tokens = tokens
        self._waiting: OrderedDict[int, deque[Sample]] = OrderedDict()
        self._out: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        """Jobs that wait."""
        return sum(map(len, self._waiting.values()))

    def add(
        self,
        deliveries: Sequence[Delivery],
        settled: Collection[tuple[Partition, int]],
        now: float,
    ) -> None:
        """Take note of the jobs of a batch that are settled."""
        if self.choose is None:
            return
        done = set(settled)
        for delivery in deliveries:
            item, version = delivery.item, self.choose(delivery)
            if version is None or version.version_id == delivery.version.version_id:
                continue
            if (item.partition, item.offset) not in done:
                continue
            if len(self) >= self._most:
                self._counts["shadow_dropped"] += 1
                continue
            sample = Sample(msgspec.structs.replace(delivery, version=version), now)
            self._waiting.setdefault(version.version_id, deque()).append(sample)

    def next(
        self, idle: Collection[WorkerState], now: float
    ) -> tuple[WorkerState, tuple[Delivery, ...]] | None:
        """A batch for one of the workers that have nothing to do; None where there is none.

        What is given counts as sent once `sent` is told.
        """
        self._forget(now)
        busy = {worker_id for worker_id, _ in self._out.values()}
        for worker in idle:
            if worker.worker_id in busy:
                continue
            for version_id in worker.versions:
                if self._waiting.get(version_id):
                    return worker, self._taken(version_id)
        return None

    def sent(self, batch_id: str, worker_id: str, jobs: int, now: float) -> None:
        """A batch is on its way."""
        self._out[batch_id] = worker_id, now
        self._counts["shadow_sent"] += jobs

    def landed(self, batch_id: str) -> None:
        """A batch is done, well or not; any other is passed over."""
        self._out.pop(batch_id, None)

    def _taken(self, version_id: int) -> tuple[Delivery, ...]:
        """The oldest jobs of a version that fit together."""
        waiting, longest = self._waiting[version_id], 0
        found: list[Delivery] = []
        while waiting:
            longest = max(longest, waiting[0].delivery.padded)
            if found and longest * (len(found) + 1) > self._tokens:
                break
            found.append(waiting.popleft().delivery)
        self._waiting.move_to_end(version_id)  # versions take turns
        if not waiting:
            del self._waiting[version_id]
        return tuple(found)

    def _forget(self, now: float) -> None:
        oldest = now - PATIENCE_S
        for version_id, waiting in list(self._waiting.items()):
            while waiting and waiting[0].since < oldest:
                waiting.popleft()
                self._counts["shadow_dropped"] += 1
            if not waiting:
                del self._waiting[version_id]
        self._out = {key: out for key, out in self._out.items() if out[1] >= oldest}
