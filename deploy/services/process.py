"""Processes as the kernel knows them: by pid and by the moment they were born.

A pid alone is reused; a pid with its birth is one process for ever. Everything that ends a
process in this package goes through `Process`, so nothing is ever ended by its name and no
stranger that inherited a number is hit.

A spawned server may be *tied* to this process: the kernel then signals it when we die, even by
SIGKILL. The tie is in truth to the thread that forked (prctl(2), PR_SET_PDEATHSIG), so one thread
that lives as long as the interpreter forks them all: a server started from a helper thread would
otherwise die with that thread.
"""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="services-forker")
_POLL_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process, told apart from every other that ever had its pid."""

    pid: int
    born: int
    """Clock ticks between the machine's boot and the process's start."""

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The living process that has this pid now, or None."""
        stat = _stat(pid)
        return None if stat is None else cls(pid=pid, born=stat.born)

    def alive(self) -> bool:
        """A zombie is dead: it only waits for its parent to read the exit status."""
        return Process.of(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, or do nothing if the process is gone."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:  # it ended between the two lines
                return

    def family(self) -> "list[Process]":
        """This process and all its descendants, parents first; empty if it is gone."""
        if not self.alive():
            return []
        members = [self]
        children = _children()
        for member in members:  # grows while it is walked: breadth first
            members += children.get(member.pid, [])
        return members


@dataclass(frozen=True, kw_only=True)
class _Stat:
    parent: int
    born: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command's name is in parentheses and may hold anything, parentheses included.
    state, parent, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else _Stat(parent=int(parent), born=int(rest[17]))


def _children() -> dict[int, list[Process]]:
    """Every living process, under its parent's pid."""
    tree: dict[int, list[Process]] = {}
    for entry in _PROC.iterdir():
        stat = _stat(int(entry.name)) if entry.name.isdigit() else None
        if stat is not None:
            tree.setdefault(stat.parent, []).append(Process(pid=int(entry.name), born=stat.born))
    return tree


def wait_gone(processes: Sequence[Process], seconds: float) -> bool:
    """Wait until all have ended; False if some still live when the time is up."""
    deadline = time.monotonic() + seconds
    while any(process.alive() for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def spawn(
    command: Sequence[str],
    *,
    directory: Path,
    log: Path,
    user: str | None = None,
    tie: signal.Signals | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in its own session, its output appended to `log`.

    user: whose rights it runs with; None: ours.
    tie: what the kernel sends it when this process dies; None: it outlives us.
    """
    if tie is not None:
        command = ["setpriv", "--pdeathsig", tie.name.removeprefix("SIG"), "--", *command]
    return _FORKER.submit(_popen, command, directory, log, user).result()


def _popen(
    command: Sequence[str], directory: Path, log: Path, user: str | None
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C is for us: we end the servers, in order
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
        )


def run(command: Sequence[str], *, directory: Path, log: Path, user: str | None = None) -> int:
    """Run a command to its end as `spawn` would, and return its exit status."""
    with _popen(command, directory, log, user) as process:
        return process.wait()
