"""One part of a comparison: processes that answer a run, watched until the rows are there."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks import answers
from benchmarks.answers import Kept, Row, Speed
from benchmarks.processes import Child, Use, Watch, cpu_between, most_mib, running
from benchmarks.report import say
from benchmarks.rig import Rig
from schemas.errors import TextmillError

START_S = 600.0
"""How long the first row may take: processes start, models load."""
QUIET_S = 60.0
"""How long no row may come, once some have."""
_LOOK_S = 0.25
_PAUSES = 25
"""A pause is at least so many times as long as counting the rows took."""


class StalledError(TextmillError):
    """No rows come any more."""


class Outcome(msgspec.Struct):
    """What a part did."""

    rows: list[Row]
    speed: Speed | None
    uses: dict[str, list[Use]]
    """Of each of its processes, and of the servers."""
    own: tuple[str, ...]
    """Names of its own processes in `uses`."""

    @property
    def texts_per_s(self) -> float | None:
        """Its speed, rounded."""
        return round(self.speed.texts_per_s, 1) if self.speed else None

    def cpu_s(self, names: Sequence[str]) -> float:
        """Processor seconds these processes used while texts were counted."""
        if self.speed is None:
            return 0.0
        begin, end = self.speed.begin, self.speed.end
        return sum(cpu_between(self.uses[name], begin, end) for name in names)

    @property
    def cpu_s_per_1000(self) -> float | None:
        """Of its own processes, while texts were counted."""
        if self.speed is None:
            return None
        return round(self.cpu_s(self.own) / self.speed.texts * 1000, 3)

    @property
    def memory_mib(self) -> dict[str, int]:
        """Peak of each of its own processes."""
        return {name: most_mib(self.uses[name]) for name in self.own}

    @property
    def labels(self) -> dict[int, str]:
        """By number of the text."""
        return {row.number: row.label for row in self.rows}


def measure(
    rig: Rig,
    commands: Mapping[str, Sequence[str]],
    kept: Kept,
    run: str,
    count: int,
    logs: Path,
    limit_s: float,
) -> Outcome:
    """Run the commands until the run has `count` rows, or has had rows for `limit_s` seconds.

    Raises:
        ChildEndedError: one of them ended.
        StalledError: no row came for long.
    """
    with running(commands, rig.environ, logs) as children:
        watch = Watch({child.name: child.pid for child in children} | rig.servers)
        try:
            await_rows(rig, children, kept, run, count, limit_s)
        finally:
            watch.stop()
    found = answers.rows(rig.engine, kept, run)
    speed = answers.speed([row.at for row in found])
    return Outcome(found, speed, watch.uses, tuple(commands))


def await_rows(
    rig: Rig, children: Sequence[Child], kept: Kept, run: str, count: int, limit_s: float
) -> None:
    """Wait as `measure` does."""
    began = changed = time.monotonic()
    first, seen = None, 0
    while seen < count:
        now = time.monotonic()
        for child in children:
            child.check()
        found = answers.count(rig.engine, kept, run)
        counting_s, now = time.monotonic() - now, time.monotonic()
        if found != seen:
            first, seen, changed = first or now, found, now
        if first is not None and now - first > limit_s:
            say(f"  {run}: {seen} of {count} rows after {limit_s:.0f} s, enough")
            return
        if (now - began > START_S) if first is None else (now - changed > QUIET_S):
            said = "\n".join(f"{child.name}: {child.said()}" for child in children)
            raise StalledError(f"{run}: {seen} of {count} rows, and no more come.\n{said}")
        time.sleep(max(_LOOK_S, _PAUSES * counting_s))
