"""What a dispatcher says of its work once a minute, in one line, and when nobody works for it."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
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

    def _look_for_company(self, jobs: int, workers: Sequence[WorkerState], now: float) -> None:
        if workers or not jobs:
            if self._lonely:
                _log.warning("workers take batches again")
            self._lonely, self._company_at = False, now
        elif not self._lonely and now - self._company_at > LONELY_S:
            _log.warning("%d jobs wait and no worker lives: start `textmill work`", jobs)
            self._lonely = True
