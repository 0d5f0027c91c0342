"""Where a process spends its processor time, by py-spy's samples.

py-spy reads another process's stacks from outside and is part of the group `peers`. Each sample of
a thread that was on a processor is booked on the innermost module of ours in its stack, so the time
of a library counts for whoever called it.
"""

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.processes import ROOT
from deploy.services.process import Process

PROGRAM = ROOT / ".venv-peers" / "bin" / "py-spy"
RATE = 100
"""Samples a second."""
OURS = ("workers/", "models/", "schemas/", "producers/")
OTHER = "elsewhere"
_END_S = 30.0


def missing() -> str | None:
    """Why there can be no profile; None when there can."""
    return None if PROGRAM.exists() else "py-spy is not installed: run `make bench-peers`"


@contextmanager
def sampling(pids: Mapping[str, int], directory: Path) -> Iterator[dict[str, Path]]:
    """Sample these processes; the files are there when the block has ended.

    Args:
        pids: by a name.
        directory: for the files of stacks.
    """
    files = {name: directory / f"{name}.stacks" for name in pids}
    with ExitStack() as stack:
        for name, pid in pids.items():
            stack.enter_context(_recording(pid, files[name]))
        yield files


@contextmanager
def _recording(pid: int, file: Path) -> Iterator[None]:
    command = [str(PROGRAM), "record", "--pid", str(pid), "--rate", str(RATE), "--nonblocking"]
    command += ["--format", "raw", "--output", str(file), "--duration", "100000"]
    with file.with_suffix(".log").open("wb") as log:
        recorder = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        recorder.send_signal(signal.SIGINT)
        try:
            recorder.wait(_END_S)
        except subprocess.TimeoutExpired:
            recorder.kill()
            recorder.wait()


def shares(stacks: str) -> dict[str, float]:
    """Share of the samples of each of our modules, largest first.

    Args:
        stacks: py-spy's raw format: `frame;frame;… count`, outermost first, each frame as
            `function (path/to/file.py:line)`.
    """
    counts: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        counts[_module(stack.split(";"))] += int(count)
    total = counts.total()
    return {name: count / total for name, count in counts.most_common()}


def _module(frames: list[str]) -> str:
    for frame in reversed(frames):
        path = frame.rpartition("(")[2].partition(":")[0].removesuffix(")")
        for package in OURS:
            found = path.rfind(package)
            if found >= 0 and (found == 0 or path[found - 1] == "/"):
                return path[found:].removesuffix(".py")
    return OTHER


def busiest(pid: int) -> int:
    """Of a process and its descendants, the one that is not a supervisor: the last born."""
    root = Process.of(pid)
    family = root.family() if root else []
    return max(family, key=lambda one: one.born).pid if family else pid
