"""What a benchmark says: progress on standard error, one result on standard output.

A result is one JSON object; speeds are in texts a second.
"""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

_progress = Console(stderr=True, highlight=False)


def say(what: str) -> None:
    """One line of progress."""
    _progress.print(what, markup=False)


def finish(
    found: Mapping[str, Any],
    as_json: bool,
    out: Path | None = None,
    aims: Mapping[str, str] | None = None,
) -> None:
    """Print the result: one JSON object, or a table of what it holds; into `out` as JSON too.

    Args:
        found: the result.
        as_json: no table.
        out: a folder.
        aims: what is wanted of values, by their names in the table, beside them.
    """
    document = msgspec.json.encode(machine() | dict(found))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{found['benchmark']}.json"
        path.write_bytes(msgspec.json.format(document) + b"\n")
    if as_json:
        sys.stdout.write(document.decode() + "\n")
        return
    console = Console(highlight=False)
    table = Table(title=str(found["benchmark"]), title_justify="left", show_header=False)
    for name, value in flat(found).items():
        table.add_row(name, shown(value), *([aims.get(name, "")] if aims else []))
    console.print(table)


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
    }


def flat(found: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots; lists stay in the JSON alone."""
    values: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            values[prefix + name] = value
    return values


def shown(value: Any) -> str:
    """A value for people."""
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def ratio(one: float | None, other: float | None) -> float | None:
    """`one` in parts of `other`; None where either was not measured."""
    return round(one / other, 3) if one and other else None


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
