"""What int8 and cascades win end to end: `python -m benchmarks.served --version DIR --docs FILE`.

    python -m benchmarks.served --version models/starter/intent-en --docs test.jsonl.gz --json

The same texts go from Kafka through a dispatcher and a worker to PostgreSQL, once for each way to
serve the version, in turns; the fastest round of each counts. The first tenth of a round's rows is
not counted. The figures of one run may be compared with each other, and with nothing else.

    a version with builds    `keras`    its float32 network as it was trained
                             `float32`  without builds, folded where that is faster here
                             `builds`   as a worker serves it
    a cascade                `strong`   its strong version alone
                             `cascade`  as a worker serves it

`ratio_to` is the speed in parts of each way before, `answered_by` what `result.build` says of the
rows, `agreement` the share of texts that the first way gave the same label.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer
from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import text

from benchmarks import options, texts
from benchmarks.answers import Kept
from benchmarks.part import Outcome, measure
from benchmarks.processes import textmill
from benchmarks.report import finish, ratio, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import new_run, publish, register
from models import artifact
from schemas.errors import UsageError
from schemas.model_version import Manifest, RunConfig

_UNFOLDED: Final = RunConfig(precision="bfloat16", tolerance=0.0)
"""Makes a worker try another precision instead of folding, and refuse it, as answers move."""


def main(
    version: Annotated[Path, typer.Option(help="Version directory with builds, or a cascade.")],
    docs: Annotated[Path, typer.Option(help='Texts, again and again: lines with a "text".')],
    count: Annotated[int, typer.Option("--texts", min=100, help="Texts of a round.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each way.")] = 2,
    limit: Annotated[float, typer.Option(min=5, help="Seconds of one round at most.")] = 45.0,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure the ways to serve a version, in one run."""
    found = texts.documents(docs, count)
    with ways(version.resolve()) as directories, rig() as where:
        outcomes: dict[str, list[tuple[str, Outcome]]] = {name: [] for name in directories}
        for _ in range(rounds):
            for name, directory in directories.items():
                outcomes[name].append(_round(where, name, directory, found, limit))
        rows = {name: _row(where, some) for name, some in outcomes.items()}
    finish({"benchmark": "served", "version": version.name, **compared(rows)}, as_json, out)


@contextmanager
def ways(version: Path) -> Iterator[dict[str, Path]]:
    """Give a version directory for each way to serve a version, the slowest first.

    Raises UsageError where there is only one way.
    """
    manifest = artifact.verify(version)
    if manifest.cascade:
        yield {"strong": version / artifact.STRONG, "cascade": version}
        return
    if not manifest.builds:
        raise UsageError(
            f"{version} has no builds and is no cascade: there is one way to serve it."
        )
    plain = replace(manifest, builds=UNSET, allowed_loss=UNSET)
    with TemporaryDirectory(prefix="bench-ways-") as folder:
        given = {"keras": replace(plain, run=_UNFOLDED), "float32": plain}
        yield {
            **{name: _written(Path(folder, name), version, one) for name, one in given.items()},
            "builds": version,
        }


def _written(directory: Path, version: Path, manifest: Manifest) -> Path:
    builds = set(artifact.BUILDS.values())
    files = {name: version / name for name in manifest.files if name not in builds}
    artifact.save(directory, manifest, files)
    return directory


def _round(
    where: Rig, name: str, directory: Path, found: Sequence[str], limit: float
) -> tuple[str, Outcome]:
    """Return the name of a run and what it did."""
    say(name)
    run, manifest = new_run(name), artifact.read_manifest(directory)
    assert manifest.task is not None, "what has builds or is a cascade answers a task"
    publish(where, run, found, register(where, directory), manifest.task)
    commands = {"worker": textmill("work", "--device", "cpu"), "dispatcher": textmill("dispatch")}
    with TemporaryDirectory(prefix="bench-served-") as logs:
        done = measure(where, commands, Kept.RESULT, run, len(found), Path(logs), limit)
    return run, done


def _row(where: Rig, rounds: Sequence[tuple[str, Outcome]]) -> dict[str, Any]:
    run, best = max(rounds, key=lambda one: one[1].texts_per_s or 0.0)
    return {
        "texts_per_s": best.texts_per_s,
        "rounds": [one.texts_per_s for _, one in rounds],
        "cpu_s_per_1000": best.cpu_s_per_1000,
        "answered": len(best.rows),
        "answered_by": _builds(where, run),
        "labels": best.labels,
    }


def _builds(where: Rig, run: str) -> dict[str, int]:
    """Return how many rows each build answered."""
    query = text("SELECT build, count(*) FROM result WHERE bulk_id = :run GROUP BY build")
    with where.engine.connect() as connection:
        return {str(build): many for build, many in connection.execute(query, {"run": run})}


def compared(rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the rows with what each is against those before it, and without their labels."""
    first, before = next(iter(rows.values())), dict[str, float | None]()
    found = {}
    for name, row in rows.items():
        speed = row["texts_per_s"]
        found[name] = {
            **{key: value for key, value in row.items() if key != "labels"},
            "ratio_to": {other: ratio(speed, theirs) for other, theirs in before.items()},
            "agreement": _alike(row["labels"], first["labels"]),
        }
        before[name] = speed
    return found


def _alike(labels: Mapping[int, str], others: Mapping[int, str]) -> float | None:
    """Return the share of texts that both answered with one label."""
    both = labels.keys() & others.keys()
    return round(sum(labels[one] == others[one] for one in both) / len(both), 4) if both else None


if __name__ == "__main__":
    options.start(main)
