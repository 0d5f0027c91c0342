"""The last step before a supervised program: tie this process to its parent and its cores, then
become the program.

    python -m workers.child --parent PID [--cores 0,2] -- PROGRAM ARGUMENT...

Run in a process of its own rather than between fork and exec of the supervisor, where Python code
can deadlock. The system sends SIGTERM when the parent ends, whatever ended it; the program drains
as if a person had asked. Imports nothing but the standard library, so it costs a few milliseconds.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def command(program: Sequence[str], parent: int, cores: Sequence[int] | None) -> list[str]:
    """The command line that starts `program` through this module."""
    pinned = ["--cores", ",".join(map(str, cores))] if cores else []
    start = [sys.executable, "-m", "workers.child", "--parent", str(parent), *pinned]
    return [*start, "--", *program]


def main(arguments: Sequence[str] | None = None) -> None:
    """Never returns: the process becomes the program, or ends."""
    parser = argparse.ArgumentParser(prog="workers.child")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--cores", default="")
    parser.add_argument("program", nargs="+")
    chosen = parser.parse_args(arguments)
    _die_with(chosen.parent)
    if chosen.cores:
        os.sched_setaffinity(0, [int(core) for core in chosen.cores.split(",")])
    os.execvp(chosen.program[0], chosen.program)  # noqa: S606  # the supervisor's own command


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked to be told
        sys.exit(1)


if __name__ == "__main__":
    main()
