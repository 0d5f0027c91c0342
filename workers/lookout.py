"""A dispatcher's look at the workers: who lives, what each may be sent, and what nobody serves.

A worker that still loads is sent what it has ready, and nothing of what it loads: other workers may
have that, and a batch that waited there would hold up those behind it. What jobs wait for meanwhile
it is told, and loads that first.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from schemas.batch import WorkerState
from schemas.errors import UnavailableError
from workers.core.scheduler import Scheduler
from workers.ports import HandOver
from workers.report import Report

LOADING_S: Final = 0.1
"""How often it is looked while a worker loads: a version should be used as soon as it is there."""


class Lookout:
    """Looks, tells the scheduler, and says what is amiss."""

    def __init__(
        self,
        hand_over: HandOver,
        scheduler: Scheduler,
        news: Callable[[], object],
    ) -> None:
        """
        Args:
            hand_over: the way to the workers.
            scheduler: who is told of them.
            news: called after each look.
        """
        self._hand_over = hand_over
        self._scheduler = scheduler
        self._news = news
        self._report = Report(time.monotonic())

    async def look(self) -> float | None:
        """Look once; returns when to look again, where that is sooner than usual.

        Raises:
            UnavailableError: the hand-over does not answer.
        """
        try:
            workers = await self._hand_over.workers()
        except UnavailableError:
            self._scheduler.blind(time.monotonic())
            raise
        now = time.monotonic()
        self._scheduler.see(able(workers), now)
        loading = frozenset(model for worker in workers for model in worker.loading)
        unserved = frozenset(self._scheduler.unserved())
        self._report.look(self._scheduler.counts, self._scheduler.books.jobs, workers, now)
        self._report.look_for_servers(sorted(unserved - loading), now)
        self._news()
        await self._hand_over.want(unserved & loading)
        return LOADING_S if loading else None


def able(workers: Sequence[WorkerState]) -> list[WorkerState]:
    """The same workers, each serving what it may be sent now."""
    return [
        msgspec.structs.replace(worker, serves=worker.serves.without(worker.loading))
        for worker in workers
    ]
