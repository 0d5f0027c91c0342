"""Whether Textmill slows down or grows with size: many texts in one run.

    python -m benchmarks.growth [--most 1000000] [--model null] [--json]

Runs of 1,000 texts, then ten times as many, up to `--most`, one process each time. For each: the
speed of the last tenth of the rows against the first warm one, and the memory of each process over
time. How quick look-ups are among many rows is measured by `benchmarks.lookup`.
"""

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options, plots
from benchmarks.answers import Kept
from benchmarks.part import Outcome, measure
from benchmarks.processes import Use, textmill
from benchmarks.report import finish, ratio, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import new_run, publish, register, subject
from schemas.task import Task

SMALLEST = 1000
_LIMIT_S = 7200.0


def main(
    most: Annotated[int, typer.Option(min=SMALLEST, help="Texts of the largest run.")] = 1_000_000,
    docs: options.Docs = None,
    model: Annotated[str, typer.Option(help="Directory of a version, or `null`.")] = "",
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure growth."""
    sizes = steps(most)
    is_null = model == "null"
    version = Path(model) if model and not is_null else None
    routed = rig(starters="all" if is_null else "none")
    with subject(min(most, 20_000), docs, version) as given, routed as where:
        name = None if is_null else register(where, given.version)
        stand_in = ("--model", "null") if name is None else ()
        task = Task.SENTIMENT if name is None else given.task
        found = {n: _run(where, given.texts, n, name, task, stand_in) for n in sizes}
    result = {
        "benchmark": "growth",
        "runs": {str(n): about(outcome) for n, outcome in found.items()},
    }
    if out is not None:
        _draw(out, found)
    finish(result, as_json, out)


def steps(most: int) -> list[int]:
    """1,000, 10,000 … and `most` itself."""
    sizes, size = [], SMALLEST
    while size < most:
        sizes.append(size)
        size *= 10
    return [*sizes, most]


def _run(
    where: Rig, texts: list[str], count: int, model: str | None, task: Task, stand_in: Any
) -> Outcome:
    say(f"{count:,} texts")
    run = new_run("growth")
    publish(where, run, [texts[n % len(texts)] for n in range(count)], model, task)
    commands = {
        "worker": textmill("work", "--device", "cpu", *stand_in),
        "dispatcher": textmill("dispatch"),
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as logs:
        return measure(where, commands, Kept.RESULT, run, count, Path(logs), _LIMIT_S)


def about(outcome: Outcome) -> dict[str, Any]:
    """Speed, the speeds of the tenths, and memory."""
    speeds = tenths([row.at for row in outcome.rows])
    warm = outcome.speed.begin if outcome.speed else 0.0
    return {
        "texts_per_s": outcome.texts_per_s,
        "last_of_first_tenth": ratio(speeds[-1], speeds[1]) if len(speeds) > 2 else None,
        "tenths": [round(one) for one in speeds],
        "memory_mib": {name: memory(outcome.uses[name], warm) for name in outcome.uses},
        "cpu_s_per_1000": outcome.cpu_s_per_1000,
    }


def tenths(times: list[float]) -> list[float]:
    """Texts a second of each tenth of the rows, in order; the first holds the start.

    Empty where a tenth came at one moment, as in a small run.
    """
    places = [len(times) * n // 10 for n in range(10)] + [len(times) - 1]
    pairs = [(times[a], times[b], b - a) for a, b in pairwise(places)]
    if not times or any(end <= begin for begin, end, _ in pairs):
        return []
    return [texts / (end - begin) for begin, end, texts in pairs]


def memory(uses: list[Use], since: float) -> dict[str, float | None]:
    """MiB at a moment, at the end and at most, and the end in parts of that moment.

    Args:
        uses: notes of one family of processes.
        since: when it was warm, in seconds since 1970.
    """
    warm = [use.memory_mib for use in uses if use.at >= since and use.memory_mib > 0]
    if not warm:
        return {"warm": None, "last": None, "most": max(use.memory_mib for use in uses)}
    return {
        "warm": round(warm[0], 1),
        "last": round(warm[-1], 1),
        "most": round(max(warm), 1),
        "last_of_warm": ratio(warm[-1], warm[0]),
    }


def _draw(out: Path, found: dict[int, Outcome]) -> None:
    largest = found[max(found)]
    began = min(uses[0].at for uses in largest.uses.values())
    series = {
        name: [(use.at - began, use.memory_mib) for use in uses]
        for name, uses in largest.uses.items()
    }
    title = f"Memory, {max(found):,} texts"
    plots.lines(out / "growth.png", title, series, "seconds", "MiB")


if __name__ == "__main__":
    options.start(main)
