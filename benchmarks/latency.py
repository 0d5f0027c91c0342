"""How long a job waits for its row: open-loop Poisson arrivals, publish to committed row.

    python -m benchmarks.latency [--seconds 20] [--flood 100000] [--json]

At fixed rates, and at 30, 60 and 80 % of the speed that Textmill has with a backlog, measured first
in the same run; the window-sorting loop is asked at the same rates. A row counts as visible when
PostgreSQL committed its transaction (`pg_xact_commit_timestamp`), and a job's time begins when it
was due, whether or not the sender was late. Then interactive jobs beside a flood of bulk work.
"""

from typing import Annotated, Any

import typer

from benchmarks import options, plots
from benchmarks.flood import beside_a_flood
from benchmarks.report import finish, ratio, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import Subject, new_run, publish, register, subject
from benchmarks.systems import System, at_rate, running_loop, running_textmill
from benchmarks.throughput import textmill_part

FIXED = (150.0, 1000.0)
SHARES = (0.3, 0.6, 0.8)


def main(
    texts: options.Texts = 10_000,
    seconds: Annotated[float, typer.Option(min=3, help="Of each rate.")] = 20.0,
    flood: Annotated[int, typer.Option(min=0, help="Bulk texts of the flood; 0: none.")] = 100_000,
    flood_rate: Annotated[float, typer.Option(min=1, help="Interactive jobs/s in it.")] = 150.0,
    docs: options.Docs = None,
    model: options.Model = None,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure latency beside the sorting loop, and during a flood."""
    with subject(texts, docs, model) as given, rig(commit_times=True) as where:
        named = register(where, given.version)
        capacity = _capacity(where, given, named)
        rates = [*FIXED, *(round(share * capacity) for share in SHARES)]
        with running_textmill(where, given, named) as ours:
            mine = _at_rates(ours, rates, seconds)
            flooded = beside_a_flood(ours, flood_rate, flood, seconds) if flood else None
        with running_loop(where, given) as theirs:
            others = _at_rates(theirs, rates, seconds)
    result = {
        "benchmark": "latency",
        "textmill": capacity,
        "at": {
            _title(rate, capacity): _side_by_side(one, other)
            for rate, one, other in zip(rates, mine, others, strict=True)
        },
        "flood": flooded,
    }
    if out is not None:
        series = {"Textmill": mine, "sorting loop": others}
        points = {
            name: [(rate, one["p99_ms"]) for rate, one in zip(rates, found, strict=True)]
            for name, found in series.items()
        }
        plots.lines(
            out / "latency.png",
            "99th percentile, publish to committed row",
            {name: sorted(p for p in some if p[1] is not None) for name, some in points.items()},
            "texts/s",
            "ms",
            logarithmic=True,
        )
    finish(result, as_json, out)


def _capacity(where: Rig, given: Subject, model: str) -> float:
    run = new_run("capacity")
    publish(where, run, given.texts, model, given.task)
    return textmill_part(where, given, run, limit=120.0).texts_per_s or 0.0


def _at_rates(system: System, rates: list[float], seconds: float) -> list[dict[str, Any]]:
    found = []
    for rate in rates:
        say(f"{system.children[0].name}: {rate:g}/s")
        found.append(at_rate(system, rate, seconds))
    return found


def _title(rate: float, capacity: float) -> str:
    return f"{rate:g}/s" if rate in FIXED else f"{rate:g}/s, {rate / capacity:.0%}"


def _side_by_side(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    quicker = ratio(one["p99_ms"], other["p99_ms"])
    return {"textmill": one, "sorting_loop": other, "p99_of_sorting_loop": quicker}


if __name__ == "__main__":
    options.start(main)
