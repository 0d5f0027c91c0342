"""How far the scores of the starter versions depend on the seed: `python -m models.training.seeds`.

A single training tells what one draw of random numbers gave. Here every starter version is trained
with several seeds, by its own recipe, and the mean and the spread of all its scores are written to
`models/starter/seeds.json`; the shipped version, whose seed is 1, counts as the first of them.
The trainings lie in a scratch folder and those that are there are not repeated, so the command can
be stopped and given again. Seeds only measure: which version is shipped does not depend on them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated

import msgspec
import typer

from models import artifact, catalog
from models.training.starters import STARTER_DIRECTORY, Starter, chosen, train_one
from schemas.errors import DataError

SUMMARY = STARTER_DIRECTORY / "seeds.json"


class Spread(msgspec.Struct, frozen=True):
    """One score over several seeds, from 0 to 1."""

    mean: float
    deviation: float
    """Sample standard deviation."""
    values: tuple[float, ...]
    """In the order of the seeds."""


class Seeds(msgspec.Struct, frozen=True):
    """All scores of one starter version over several seeds."""

    seeds: tuple[int, ...]
    version: str
    """Digest of the shipped version."""
    scores: dict[str, Spread]


def study(
    data: Annotated[Path, typer.Option(exists=True, help="Folder with one folder per corpus.")],
    scratch: Annotated[Path, typer.Option(help="Where the trainings with other seeds go.")],
    seeds: Annotated[int, typer.Option(min=2, help="How many seeds, from 1.")] = 3,
    only: Annotated[str, typer.Option(help="This starter alone; empty for all.")] = "",
    summary: Annotated[Path, typer.Option(help="JSON file to write.")] = SUMMARY,
) -> None:
    """Train every starter version with several seeds; write mean and spread of its scores."""
    for starter in chosen(only):
        measured = measure(starter, data, scratch, range(1, seeds + 1))
        _write(summary, starter.name, measured)
        typer.echo(f"{starter.name}: seeds {measured.seeds}")


def measure(starter: Starter, data: Path, scratch: Path, seeds: Sequence[int]) -> Seeds:
    """Train `starter` with every seed that is not there yet; return its scores.

    A parent is that of the same seed. Raises DataError where `scratch` holds a training by another
    recipe.
    """
    shipped = artifact.read_manifest(STARTER_DIRECTORY / starter.name)
    rows = [shipped.metrics]
    for seed in seeds[1:]:
        folder = scratch / f"seed-{seed}"
        for one in (*_ancestors(starter), starter):
            train_one(one, data, folder, seed)
        made = artifact.read_manifest(folder / starter.name)
        if catalog.read(made.architecture) != catalog.read(shipped.architecture):
            raise DataError(f"{folder / starter.name} is of another recipe: remove it")
        rows.append(made.metrics)
    return Seeds(tuple(seeds), artifact.digest(shipped), spreads(rows))


def spreads(rows: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Return the mean and spread of every score that all rows have; two rows or more."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    values = {name: tuple(row[name] for row in rows) for name in names}
    return {
        name: Spread(round(fmean(some), 4), round(stdev(some), 4), some)
        for name, some in values.items()
    }


def read(path: Path = SUMMARY) -> dict[str, Seeds]:
    """Return the spreads by the starter's name; nothing where none were taken."""
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Seeds])


def _ancestors(starter: Starter) -> tuple[Starter, ...]:
    if starter.init_from is None:
        return ()
    (parent,) = chosen(starter.init_from)
    return (*_ancestors(parent), parent)


def _write(path: Path, name: str, measured: Seeds) -> None:
    both = dict(sorted({**read(path), name: measured}.items()))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(both), indent=1) + b"\n")


if __name__ == "__main__":
    typer.run(study)
