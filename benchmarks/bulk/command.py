"""A `textmill` command run to its end, and what it took."""

import resource
import time

import msgspec

from benchmarks.processes import Child, Watch, most_mib, textmill
from benchmarks.rig import Rig
from benchmarks.subject import Subject

LIMIT_S = 3600.0


class Took(msgspec.Struct, frozen=True):
    """What a command took, its start included."""

    seconds: float
    cpu_s: float
    """Its own, without the servers'."""
    memory_mib: int
    """Peak."""
    said: str


class Commands:
    """Runs commands one after another."""

    def __init__(self, where: Rig, given: Subject) -> None:
        self._where, self._given = where, given

    def start(self, name: str, *arguments: str) -> Child:
        """Let one run; it is called `name`."""
        log = self._given.directory / f"{name.replace(' ', '-')}.log"
        return Child(name, textmill(*arguments), self._where.environ, log)

    def run(self, name: str, *arguments: str) -> Took:
        """Run one to its end.

        Raises:
            ChildEndedError: it failed.
        """
        began, used = time.monotonic(), _cpu_s()
        child = self.start(name, *arguments)
        watch = Watch({name: child.pid})
        try:
            child.wait(LIMIT_S)
        finally:
            child.stop()
            watch.stop()
        seconds = time.monotonic() - began
        return Took(seconds, _cpu_s() - used, most_mib(watch.uses[name]), child.said())


def _cpu_s() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
