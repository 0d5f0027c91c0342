"""What everything around a model costs: Kafka to PostgreSQL with `textmill work --model null`.

    python -m benchmarks.pipeline [--texts 50000] [--docs FILE] [--no-profile] [--json]

Speed, texts for each second of processor time that Textmill's own processes use, and microseconds
of it a text by process, the servers' beside them. A second run is sampled by py-spy for what goes
on inside; the figures are of the first, which nobody watches. The first tenth is not counted.
"""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options, plots, profile
from benchmarks.answers import Kept
from benchmarks.part import Outcome, await_rows, measure
from benchmarks.processes import running, textmill
from benchmarks.report import finish, ratio, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import new_run, publish
from benchmarks.texts import documents, mix
from schemas.task import Task

COMMANDS = {
    "worker": textmill("work", "--device", "cpu", "--model", "null"),
    "dispatcher": textmill("dispatch"),
}
_LIMIT_S = 600.0
_SHOWN = 12
"""Modules of a profile that are told."""


def main(
    texts: options.Texts = 50_000,
    with_profile: Annotated[
        bool, typer.Option("--profile/--no-profile", help="Sample a second run.")
    ] = True,
    docs: options.Docs = None,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure the pipeline alone."""
    found = documents(docs, texts) if docs else mix(texts)
    with rig(starters="all") as where, tempfile.TemporaryDirectory(prefix="bench-") as logs:
        publish_us, outcome = unwatched(where, found, Path(logs))
        result = {"benchmark": "pipeline", "texts": texts, **costs(outcome, publish_us)}
        if with_profile:
            result |= inside(where, found, Path(logs), result["cpu_us_a_text"])
    if out is not None:
        costs_us = result["cpu_us_a_text"]
        plots.bars(out / "pipeline.png", "Processor time a text, no model", costs_us, "µs")
    finish(result, as_json, out)


def unwatched(where: Rig, texts: list[str], logs: Path) -> tuple[float, Outcome]:
    """Microseconds of a producer a text, and one run."""
    run, used = new_run("pipeline"), time.process_time()
    publish(where, run, texts, None, Task.SENTIMENT)
    publish_us = (time.process_time() - used) / len(texts) * 1e6
    say("pipeline")
    outcome = measure(where, COMMANDS, Kept.RESULT, run, len(texts), logs, _LIMIT_S)
    return publish_us, outcome


def costs(outcome: Outcome, publish_us: float) -> dict[str, Any]:
    """Speed and processor time a text, by process."""
    texts = outcome.speed.texts if outcome.speed else 0
    micros = {
        name: round(outcome.cpu_s([name]) / texts * 1e6, 1) if texts else None
        for name in outcome.uses
    }
    return {
        "textmill": outcome.texts_per_s,
        "texts_per_core_s": ratio(texts, outcome.cpu_s(outcome.own)),
        "cpu_us_a_text": {"producer": round(publish_us, 1), **micros},
        "memory_mib": outcome.memory_mib,
    }


def inside(
    where: Rig, texts: list[str], logs: Path, micros: Mapping[str, float | None]
) -> dict[str, Any]:
    """Microseconds a text of each module of the two processes, from a run that is sampled."""
    if reason := profile.missing():
        return {"inside": None, "reasons": {"inside": reason}}
    say("pipeline, sampled")
    run = new_run("sampled")
    publish(where, run, texts, None, Task.SENTIMENT)
    with running(COMMANDS, where.environ, logs) as children:
        await_rows(where, children, Kept.RESULT, run, len(texts) // 10, _LIMIT_S)
        pids = {child.name: profile.busiest(child.pid) for child in children}
        with profile.sampling(pids, logs) as files:
            await_rows(where, children, Kept.RESULT, run, len(texts), _LIMIT_S)
    found = {name: profile.shares(file.read_text()) for name, file in files.items()}
    return {"inside": {name: _micros(shares, micros[name]) for name, shares in found.items()}}


def _micros(shares: Mapping[str, float], whole: float | None) -> dict[str, float]:
    largest = list(shares.items())[:_SHOWN]
    return {name: round(share * (whole or 0.0), 1) for name, share in largest}


if __name__ == "__main__":
    options.start(main)
