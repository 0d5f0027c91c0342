"""Child processes and what they use: processor seconds and memory, of each and its descendants.

Linux's `/proc` is read a few times a second. What a descendant used before it ended stays counted.
Every child is ended by its own process id, with all that descend from it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deploy.services.process import Process, wait_gone
from schemas.errors import TextmillError

ROOT = Path(__file__).parent.parent
EVERY_S = 0.5
END_S = 30.0
ORPHANS_S = 5.0
_TAIL = 1500


class ChildEndedError(TextmillError):
    """A process that was to run on has ended; the message holds the end of what it said."""


class Use(msgspec.Struct, frozen=True):
    """What a family of processes had used at a moment."""

    at: float
    """Seconds since 1970."""
    cpu_s: float
    """Processor seconds since it began."""
    memory_mib: float
    """Resident now."""


class Child:
    """One started process; what it writes goes to `log`."""

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as file:
            self._popen = subprocess.Popen(
                command, env={**os.environ, **environ}, stdout=file, stderr=file, cwd=ROOT
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def check(self) -> None:
        """Raises ChildEndedError where it has ended."""
        if self._popen.poll() is not None:
            raise ChildEndedError(f"{self.name} ended with {self._popen.returncode}: {self.said()}")

    def said(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-_TAIL:].strip()

    def wait(self, seconds: float) -> None:
        """Returns when it has ended well.

        Raises:
            ChildEndedError: it ended otherwise, or not within this time.
        """
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ChildEndedError(f"{self.name} runs on: {self.said()}") from None
        if code:
            raise ChildEndedError(f"{self.name} ended with {code}: {self.said()}")

    def kill(self) -> None:
        """SIGKILL to it alone; returns when it is dead."""
        self._popen.kill()
        self._popen.wait()

    def kill_one(self, word: str) -> None:
        """SIGKILL to the first process of its family whose command line has this word.

        Raises:
            ChildEndedError: there is none.
        """
        root = Process.of(self.pid)
        for member in root.family() if root else []:
            if word in command_line(member.pid):
                member.signal(signal.SIGKILL)
                return
        raise ChildEndedError(f"{self.name} has no {word}: {self.said()}")

    def stop(self) -> None:
        """SIGTERM; to those of its family that outlive it too, and SIGKILL to whoever lingers."""
        root = Process.of(self.pid)
        family = root.family() if root else []
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        for number, patience_s in ((signal.SIGTERM, ORPHANS_S), (signal.SIGKILL, END_S)):
            if root is not None:
                wait_gone([root], END_S)
            for member in family:
                member.signal(number)
            if wait_gone(family, patience_s):
                break
        self._popen.wait()


class Watch:
    """Notes what families of processes use, in a thread, until it is stopped."""

    def __init__(self, roots: Mapping[str, int], own: str = "") -> None:
        """
        Args:
            roots: the process that each name stands for.
            own: what to call this process, without those it started; empty: it is not noted.
        """
        self._meters = {name: _Meter(pid) for name, pid in roots.items()}
        self._own = own
        self.uses: dict[str, list[Use]] = {name: [] for name in (*roots, *filter(None, [own]))}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Note once more, then no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            self._look()
        self._look()

    def _look(self) -> None:
        for name, meter in self._meters.items():
            self.uses[name].append(meter.read())
        if self._own:
            use = Use(time.time(), time.process_time(), _memory_mib(os.getpid()))
            self.uses[self._own].append(use)


class _Meter:
    def __init__(self, pid: int) -> None:
        self._root = Process.of(pid)
        self._cpu: dict[Process, float] = {}

    def read(self) -> Use:
        memory = 0.0
        for member in self._root.family() if self._root else []:
            try:
                self._cpu[member] = cpu_s(member.pid)
                memory += _memory_mib(member.pid)
            except OSError:  # it has ended since
                continue
        return Use(time.time(), sum(self._cpu.values()), memory)


def command_line(pid: int) -> str:
    """What a process was started with; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def cpu_s(pid: int) -> float:
    """Processor seconds of one process, all of its threads."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_between(uses: Sequence[Use], begin: float, end: float) -> float:
    """Processor seconds used from `begin` to `end`, in seconds since 1970; straight between two
    notes, and none beyond the first and the last."""
    return _cpu_at(uses, end) - _cpu_at(uses, begin)


def _cpu_at(uses: Sequence[Use], at: float) -> float:
    place = bisect_left(uses, at, key=lambda use: use.at)
    if place == 0 or place == len(uses):
        return uses[min(place, len(uses) - 1)].cpu_s
    before, after = uses[place - 1], uses[place]
    share = (at - before.at) / (after.at - before.at)
    return before.cpu_s + share * (after.cpu_s - before.cpu_s)


def most_mib(uses: Sequence[Use]) -> int:
    """Peak of the memory."""
    return round(max((use.memory_mib for use in uses), default=0.0))


@contextmanager
def running(
    commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], logs: Path
) -> Iterator[list[Child]]:
    """Run these commands by name; all are ended at the end, in the order they were started."""
    children: list[Child] = []
    try:
        for name, command in commands.items():
            children.append(Child(name, command, environ, logs / f"{name.replace(' ', '-')}.log"))
        yield children
    finally:
        for child in children:
            child.stop()


def textmill(*arguments: str) -> list[str]:
    """The `textmill` command of this checkout."""
    return [sys.executable, "-c", "from workers.cli import main; main()", *arguments]


def module(name: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """`python -m name arguments`."""
    return [python, "-m", name, *arguments]
