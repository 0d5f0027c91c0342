"""What quantised builds win and lose: `python -m benchmarks.compression --data DIR --json`.

Each starter version, or `--version DIR` with `--corpus NAME`, is quantised; each build is run
beside the float32 network in turns, over one grid of shapes, and scored on the test files. The
figures of one run may be compared with each other, and with nothing else.

    texts_per_s   over the grid, with decoding            ratio        of it to float32 Keras
    bytes         of the build's file                     size_ratio   to the weights in float32;
                                                          of a folded build with what it is made of
    score         on all test files, 0 to 1               loss         points of it that are lost
    agreement     share of test texts answered alike

With `--weights` the version's own weights are rounded too (`models.compression.rounding`), which is
the row `weights`, and builds are made of those; losses are against the weights before.

Aims, all for one and the same int8 build: at least 3 times as fast for a TextCNN at 0.5 points at
most, 1.5 times for recurrent and Transformer encoders at 1 point at most; a size of 0.3 at most.
Where no build reaches all, what each misses is named at the end.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from benchmarks import options
from benchmarks.report import say
from models.quiet import import_tensorflow
from models.training.starters import STARTER_DIRECTORY, STARTERS
from schemas.errors import DataError

BUILDS = ("litert-int8", "litert-folded-int8", "litert-int8-full", "litert-float16", "keras-int8")
_NONE = ("summary-zh",)
"""Starters that write word by word, and have no builds."""


class Aim(NamedTuple):
    """What an int8 build of a version should reach."""

    ratio: float
    loss: float


AIMS = {"textcnn": Aim(3.0, 0.5), "recurrent": Aim(1.5, 1.0), "transformer": Aim(1.5, 1.0)}
SIZE = 0.3


def main(
    data: Annotated[Path, typer.Option(help="Folder with one folder per corpus.")],
    only: Annotated[str, typer.Option(help="Starters, with commas between; empty for all.")] = "",
    builds: Annotated[str, typer.Option(help="Builds, with commas between.")] = ",".join(BUILDS),
    most: Annotated[int, typer.Option(min=10, help="Texts that agreement is taken of.")] = 500,
    weights: Annotated[bool, typer.Option("--weights", help="Round weights too.")] = False,
    version: Annotated[Path | None, typer.Option(help="Instead of the starters.")] = None,
    corpus: Annotated[str, typer.Option(help="Its folder in DATA.")] = "",
    as_json: options.Json = False,
) -> None:
    """Quantise starter versions and measure every build."""
    given = {version: (corpus,)} if version else _starters(only)
    import_tensorflow()
    found = {}
    for directory, corpora in given.items():
        folders = [data / one for one in corpora]
        found[directory.name] = _measured(directory, folders, builds.split(","), most, weights)
        if not as_json:
            _print(directory.name, found[directory.name])
    missed = [line for name, rows in found.items() for line in misses(name, rows)]
    for line in missed:
        say(line)
    if as_json:
        typer.echo(msgspec.json.encode({**found, "missed": missed}).decode())


def _starters(only: str) -> dict[Path, Sequence[str]]:
    """Return the corpora of each starter version that is wanted, by its directory."""
    wanted = set(filter(None, only.split(","))) or {one.name for one in STARTERS}
    chosen = [one for one in STARTERS if one.name in wanted and one.name not in _NONE]
    if not chosen:
        raise DataError(f"--only {only}: none of {', '.join(one.name for one in STARTERS)}")
    return {STARTER_DIRECTORY / one.name: one.corpora for one in chosen}


def _measured(
    directory: Path, corpora: Sequence[Path], names: Sequence[str], most: int, weights: bool
) -> dict[str, Any]:
    """Return the rows of a version's builds, the float32 network's first, and its encoder."""
    from models.compression import builds, measure, quantising, serving
    from models.live_model import LiveModel
    from models.training.reading.corpus import Reading

    model = LiveModel.load(directory)
    tests = [folder / "test.jsonl.gz" for folder in corpora]
    calibration = measure.questions(model, corpora[0] / "dev.jsonl.gz")
    asked = [one for path in tests for one in measure.questions(model, path)]
    texts = builds.Texts(asked[:: max(1, len(asked) // most)], (), Reading(), calibration)
    with tempfile.TemporaryDirectory(prefix="bench-rounded-") as folder:
        rounded = quantising.rounded(model, Path(folder)) if weights else None
        found = builds.measured(model, names, texts, rounded)
    source = rounded.model if rounded else model
    others = {
        name: (serving.of_content(source, name, found.contents[name]), made)
        for name, made in found.builds.items()
    }
    if found.rounded is not None:
        others = {"weights": (source, found.rounded), **others}
    usual = fmean(measure.score(model, path) for path in tests)
    rows = {"keras-float32": _row(found.texts_per_s, model.weight_bytes, usual)}
    for name, (other, made) in others.items():
        score, gains = fmean(measure.score(other, path) for path in tests), made.deltas
        rows[name] = _row(found.texts_per_s * gains.texts_per_s, made.bytes, score) | {
            "ratio": gains.texts_per_s,
            "size_ratio": gains.size,
            "loss": round(100 * (usual - score), 2),
            "agreement": gains.agreement,
        }
    encoder: Any = model.manifest.architecture["encoder"]
    return {"encoder": encoder["type"], "builds": rows, "not_made": dict(found.left_out)}


def _row(texts_per_s: float, size: int, score: float) -> dict[str, Any]:
    same = {"ratio": 1.0, "size_ratio": 1.0, "loss": 0.0, "agreement": 1.0}
    return {"texts_per_s": round(texts_per_s, 1), "bytes": size, "score": round(score, 4), **same}


def misses(name: str, found: dict[str, Any]) -> list[str]:
    """Return nothing where one int8 build reaches all aims; else what each of them misses."""
    aim = AIMS.get(found["encoder"])
    int8 = {build: row for build, row in found["builds"].items() if "int8" in build}
    if aim is None or not int8:
        return [f"{name}: no int8 build"] if aim else []
    lacking = {build: _lacking(row, aim) for build, row in int8.items()}
    if not all(lacking.values()):
        return []
    return [f"{name}, {build}: {', '.join(words)}" for build, words in lacking.items()]


def _lacking(row: dict[str, Any], aim: Aim) -> list[str]:
    """Return what one build misses."""
    said = []
    if row["ratio"] < aim.ratio:
        said.append(f"{row['ratio']:.2f} times as fast, not {aim.ratio}")
    if row["size_ratio"] > SIZE:
        said.append(f"{row['size_ratio']:.2f} of the size, not {SIZE}")
    if row["loss"] > aim.loss:
        said.append(f"{row['loss']:.2f} points lost, not {aim.loss} at most")
    return said


def _print(name: str, found: dict[str, Any]) -> None:
    for build, row in found["builds"].items():
        typer.echo(
            f"{name:14}{build:20}{row['texts_per_s']:9.0f}{row['ratio']:7.2f}"
            f"{row['size_ratio']:7.2f}{row['score']:8.4f}{row['loss']:7.2f}{row['agreement']:8.4f}"
        )
    for build, why in found["not_made"].items():
        typer.echo(f"{name:14}{build:20} {why}")


if __name__ == "__main__":
    options.start(main)
