"""`make bench`: every benchmark one after another, each in a process of its own.

    python -m benchmarks [--out runs/bench] [--small]

An hour and a half on a quiet machine of two cores; `--small` tries in minutes that all of them run.
Results are JSON objects and pictures in the folder. A benchmark that fails is told and the next one
goes on.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import options
from benchmarks.processes import ROOT, module
from benchmarks.report import say

ALL: dict[str, tuple[str, ...]] = {
    "throughput": (),
    "throughput --uniform": ("--texts", "5000"),
    "pipeline": (),
    "latency": (),
    "overload": (),
    "scaling": (),
    "growth": (),
    "lookup": (),
    "hot_update": (),
    "bulk": (),
}
SMALL: dict[str, tuple[str, ...]] = {
    "throughput": ("--texts", "2000", "--limit", "10"),
    "throughput --uniform": ("--texts", "500", "--limit", "10"),
    "pipeline": ("--texts", "5000"),
    "latency": ("--texts", "1000", "--seconds", "3", "--flood", "2000"),
    "overload": ("--texts", "1000", "--seconds", "2"),
    "scaling": ("--seconds", "5", "--most", "2"),
    "growth": ("--most", "10000"),
    "lookup": ("--rows", "100000"),
    "hot_update": ("--small",),
    "bulk": ("--small",),
}


def main(
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/bench"),
    small: Annotated[bool, typer.Option("--small", help="Small sizes: figures mean nothing.")] = (
        False
    ),
) -> None:
    """Run every benchmark."""
    failed = []
    for name, sizes in (SMALL if small else ALL).items():
        say(f"== {name}")
        program, *flags = name.split()
        folder = out / name.replace(" --", "-")
        arguments = [*flags, *sizes, "--out", str(folder.resolve())]
        command = module(f"benchmarks.{program}", *arguments)
        if subprocess.run(command, check=False, cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        say(f"failed: {', '.join(failed)}")
        sys.exit(1)


if __name__ == "__main__":
    options.start(main)
