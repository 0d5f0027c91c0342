"""How much the intake may read ahead of the workers: memory is bounded, and so is what interactive
jobs have to wait for."""

from typing import Final, NamedTuple

from schemas.settings import DispatchSettings
from workers.core.scheduler import Scheduler

BULK_SHARE: Final = 0.75
"""Part of the memory for jobs that bulk work may fill; the rest is for interactive jobs."""
ENOUGH_S: Final = 0.25
"""Seconds of the devices' work in memory beyond which no bulk work is read while interactive jobs
come: to read a flood as fast as it comes takes a core, which they would wait for. Parsing and
writing take several times as long for a small network, so it lasts longer than it says."""


class Rest(NamedTuple):
    """What is not read on for now."""

    bulk: bool
    """Partitions of bulk work."""
    all: bool
    """All partitions."""


def rest(scheduler: Scheduler, settings: DispatchSettings, now: float) -> Rest:
    """What should rest while enough is in memory; `now` is the monotonic clock, in seconds."""
    books, backlog_s = scheduler.books, scheduler.backlog_s
    share = max(
        books.jobs / settings.max_in_flight,
        books.bytes / (settings.max_in_flight_mib * 2**20),
        backlog_s / settings.max_backlog_s,
    )
    enough = backlog_s >= ENOUGH_S and scheduler.awaits(now)
    return Rest(bulk=enough or share >= BULK_SHARE, all=share >= 1)
