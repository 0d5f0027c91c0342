"""A small file by which a supervisor sees whether its worker hangs.

The worker writes two monotonic times at each heartbeat: now, and since when the batch in hand runs.
Linux's monotonic clock is one for all processes, so a changed wall clock confuses nobody. A batch
that runs for too long, or a worker that no longer beats at all, hangs: a kernel on a GPU cannot be
interrupted, so such a process can only be ended.
"""

import os
import time
from pathlib import Path

import msgspec

_FORMAT = "{:020.6f} {:020.6f}"
"""Always as long, so that one write replaces the other."""


class Beat(msgspec.Struct, frozen=True):
    """What a worker said last."""

    at: float
    """`time.monotonic` of the beat."""
    running_since: float | None
    """`time.monotonic` when the batch in hand began; None without one."""


class PulseFile:
    """The worker's side: called at each beat."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def __call__(self, running_since: float | None) -> None:
        """Write a beat."""
        os.pwrite(self._file, _FORMAT.format(time.monotonic(), running_since or 0.0).encode(), 0)


def read(path: Path) -> Beat | None:
    """The supervisor's side: the last beat; None before the first."""
    try:
        at, since = path.read_text().split()
    except (OSError, ValueError):
        return None
    return Beat(float(at), float(since) or None)


def hangs(beat: Beat, now: float, limit_s: float) -> bool:
    """Whether the batch in hand has run, or the worker been silent, for longer than `limit_s`."""
    oldest = beat.at if beat.running_since is None else min(beat.at, beat.running_since)
    return now - oldest > limit_s
