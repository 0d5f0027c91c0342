"""What a dispatcher says of its work once a minute, in one line, and when nobody works for it."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from schemas.batch import WorkerState

_log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
LONELY_S: Final = 10.0
"""How long there may be jobs and no worker before that is said."""


class Report:
    """Turns the scheduler's counters into lines. Time is an argument."""

    def __init__(self, now: float) -> None:
        self._told_at = self._company_at = now
        self._told: Counter[str] = Counter()
        self._lonely = False
        self._unserved_since: dict[str, float] = {}
        self._unserved_told: set[str] = set()

    def look(
        self, counts: Mapping[str, int], jobs: int, workers: Sequence[WorkerState], now: float
    ) -> None:
        """Say what is due.

        Args:
            counts: the scheduler's counters since its start.
            jobs: records read and not settled.
            workers: those that live.
            now: monotonic clock, in seconds.
        """
        self._look_for_company(jobs, workers, now)
        if now - self._told_at < EVERY_S:
            return
        news = Counter(counts) - self._told
        if news or jobs:
            what = ", ".join(f"{name} {count}" for name, count in sorted(news.items()))
            _log.info("%d workers, %d jobs open; last minute: %s", len(workers), jobs, what or "-")
        self._told, self._told_at = Counter(counts), now

    def look_for_servers(self, unserved: Collection[str], now: float) -> None:
        """Say once of each model that jobs wait for it and no worker serves it.

        Args:
            unserved: names of such models.
            now: monotonic clock, in seconds.
        """
        for model in self._unserved_told - set(unserved):
            _log.warning("jobs for %s are served again", model)
        self._unserved_told &= set(unserved)
        self._unserved_since = {m: self._unserved_since.get(m, now) for m in unserved}
        for model, since in self._unserved_since.items():
            if now - since > LONELY_S and model not in self._unserved_told and not self._lonely:
                _log.warning(
                    "jobs for %s wait and no worker serves it: start `textmill work --group` "
                    "with a group of `worker.groups` that holds it",
                    model,
                )
                self._unserved_told.add(model)

    def _look_for_company(self, jobs: int, workers: Sequence[WorkerState], now: float) -> None:
        if workers or not jobs:
            if self._lonely:
                _log.warning("workers take batches again")
            self._lonely, self._company_at = False, now
        elif not self._lonely and now - self._company_at > LONELY_S:
            _log.warning("%d jobs wait and no worker lives: start `textmill work`", jobs)
            self._lonely = True
