"""Whether a million rows come back, each once and in its place, whoever is killed on the way.

    python -m benchmarks.bulk [--rows 1000000] [--small] [--json] [--out DIR]

A Parquet file of different texts goes through the real commands, services and a real version. The
submitter, the process that computes and the dispatcher each die of SIGKILL in mid job, and
`bulk status` is asked at a quarter, half and three quarters of the way when it will be done. Every
row of the export is held against the input and against what the version says to its text alone.
Then the same file is submitted once more with nobody working beside. Times of commands have their
start in them; `error` is said / came - 1. Ends with 1 where a row is lost, doubled, misplaced or
wrong.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options
from benchmarks.answers import Kept
from benchmarks.bulk import eta, source, verdict
from benchmarks.bulk.command import Commands, Took
from benchmarks.bulk.crew import Crew, crew
from benchmarks.bulk.story import Story, Teller
from benchmarks.part import await_rows
from benchmarks.processes import most_mib
from benchmarks.report import finish, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import Subject, new_run, publish, register, subject

TEXTS = 20_000
NO_REUSE = ("--reuse", "none")
"""No text comes twice anyway; so nothing is looked for either."""
SMALL = 20_000
AIMS = {
    "lost": "0",
    "doubled": "0",
    "misplaced": "0",
    "wrong_answers": "0",
    "eta.25%.error": "0.15 at most, either way",
    "submit.docs_per_s": "20,000 at least",
    "export.rows_per_s": "100,000 at least",
}
WRONG = ("lost", "doubled", "misplaced", "unanswered", "wrong_answers", "other_endings")
_WARM_TEXTS = 500
_WARM_S = 120.0


def main(
    rows: Annotated[int, typer.Option(min=SMALL, help="Rows of the file.")] = 1_000_000,
    small: Annotated[bool, typer.Option("--small", help="Tries it with 20,000 rows.")] = False,
    docs: options.Docs = None,
    model: options.Model = None,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Carry a bulk job through kills."""
    rows = SMALL if small else rows
    with subject(min(rows, TEXTS), docs, model) as given, rig() as where:
        say(f"writing {rows:,} rows")
        file, answers = given.directory / "in.parquet", given.directory / "out.parquet"
        source.write(file, given.texts, rows)
        run, version = new_run("bulk"), register(where, given.version)
        commands = Commands(where, given)
        story = _answered(where, given, commands, rows, run, _submit(given, file, version))
        say("exporting")
        export = commands.run("export", "bulk", "export", run, "--output", str(answers))
        say("comparing")
        checked = verdict.in_tables(where, story.bulk_id, rows)
        checked |= verdict.joined(file, answers) | verdict.labelled(given.version, answers)
        alone = _submitted(commands, f"{run}-alone", _submit(given, file, version))
    found = result(rows, story, checked, export, alone)
    finish(found, as_json, out, AIMS)
    if any(found[name] for name in WRONG):
        sys.exit(1)


def result(
    rows: int, story: Story, checked: dict[str, Any], export: Took, alone: Took
) -> dict[str, Any]:
    """Everything that is asked of it."""
    seconds = story.ended - story.began
    memory = {name: most_mib(uses) for name, uses in story.uses.items()}
    return {
        "benchmark": "bulk",
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_s": round(rows / seconds, 1),
        "killed_at": story.killed,
        **checked,
        **{name: story.final[name] for name in ("state", "done", "failed", "queued", "running")},
        "eta": eta.errors(story.told, story.ended),
        "submit": _rates("docs", rows, alone),
        "export": _rates("rows", rows, export),
        "memory_mib": memory | {"submitter alone": alone.memory_mib, "export": export.memory_mib},
    }


def _submit(given: Subject, file: Path, version: str) -> list[str]:
    wanted = ("--task", given.task.value, "--lang", "en", "--model", version, "--id-column", "id")
    return ["bulk", "submit", str(file), *wanted, *NO_REUSE]


def _answered(
    where: Rig, given: Subject, commands: Commands, rows: int, run: str, submit: list[str]
) -> Story:
    """The job with its kills, on a warm worker."""
    with crew(commands) as working:
        _warm_up(where, given, working, submit[submit.index("--model") + 1])
        say(f"submitting {run}")
        return Teller(where, commands, working, rows, run).tell([*submit, "--name", run])


def _warm_up(where: Rig, given: Subject, working: Crew, version: str) -> None:
    say("warming up")
    run, texts = new_run("warm"), given.texts[:_WARM_TEXTS]
    publish(where, run, texts, version, given.task, bulk=True)
    await_rows(where, working.serving(), Kept.RESULT, run, len(texts), _WARM_S)


def _submitted(commands: Commands, name: str, submit: list[str]) -> Took:
    """The submission alone, for a job that is cancelled afterwards."""
    say("submitting alone")
    took = commands.run("submit", *submit, "--name", name)
    commands.run("cancel", "bulk", "cancel", name)
    return took


def _rates(what: str, rows: int, took: Took) -> dict[str, float]:
    return {
        f"{what}_per_s": round(rows / took.seconds, 1),
        f"{what}_per_cpu_s": round(rows / took.cpu_s, 1),
        "seconds": round(took.seconds, 1),
    }


if __name__ == "__main__":
    options.start(main)
