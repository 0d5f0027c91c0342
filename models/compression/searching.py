"""Many children of one version, measured beside each other: `textmill compress search`.

Every try is a version in a folder of its own, so what was made stays when a search is stopped, and
the next one goes on with it. In the end all are loaded and measured in turns, in one run, as
workers here would serve them.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from models import artifact, catalog, loading
from models.compression import against, distilling, examples, groups, measure, pruning
from models.compression.commands.quantise import quantise
from models.compression.order import Order
from models.compression.pareto import Point, marked
from models.compression.pruning import Cut
from models.live_model import LiveModel
from models.training.config import Config, FitConfig
from models.training.observer import Observer
from schemas.errors import ArtifactError, DataError


class Wanted(NamedTuple):
    """What a search tries."""

    keeps: tuple[float, ...]
    """Shares of what can be cut that stay."""
    fit: FitConfig
    """How a pruned network learns on."""
    students: tuple[tuple[str, Config], ...]
    """Recipes of students, each with a name."""
    build_loss: float
    """Points that a build may lose against the network it was made of."""


class Try(NamedTuple):
    """One child that a search makes."""

    name: str
    make: Callable[[Path], object]
    """Writes it as a version."""


def search(order: Order, wanted: Wanted, observer: Observer) -> list[Point]:
    """Make every child in the folder `order.out` and return all points, fastest first.

    Raises DataError where that folder holds children of another version.
    """
    order.out.mkdir(parents=True, exist_ok=True)
    parent = artifact.digest(artifact.verify(order.parent))
    made = [("as it is", order.parent)]
    for one in tries(order, wanted, observer):
        directory = order.out / one.name
        if not directory.exists():
            one.make(directory)
        elif artifact.verify(directory).parent != parent:
            raise DataError(f"{directory} is no child of {order.parent}: give another --out")
        made.append((one.name, directory))
    with tempfile.TemporaryDirectory(prefix="textmill-search-") as folder:
        manifest = artifact.read_manifest(order.parent)
        given = examples.split(manifest, order.train, order.dev, order.reading, Path(folder))
        made += list(_quantised(tuple(made), order.out, given.dev, wanted.build_loss))
        return marked(list(measured(made, given.dev)))


def tries(order: Order, wanted: Wanted, observer: Observer) -> Iterator[Try]:
    """Yield what is made of a version, the cheapest first."""

    def pruned(what: pruning.What, keep: float, out: Path) -> None:
        pruning.prune(replace(order, out=out), Cut(what, keep, wanted.fit), observer)

    def taught(student: Config, out: Path) -> None:
        distilling.distil(replace(order, out=out), student, observer)

    architecture = catalog.read(artifact.read_manifest(order.parent).architecture)
    for what in groups.able(architecture):
        for keep in wanted.keeps:
            yield Try(f"{what}-{keep:g}", partial(pruned, what, keep))
    for name, student in wanted.students:
        yield Try(f"student-{name}", partial(taught, student))


def _quantised(
    made: Sequence[tuple[str, Path]], out: Path, dev: Path, most: float
) -> Iterator[tuple[str, Path]]:
    """Yield each version with builds of int8, where it can have one that loses no more."""
    for name, directory in made:
        own = "int8" if directory.parent != out else f"{name}-int8"
        if not (out / own).exists():
            try:
                with redirect_stdout(sys.stderr):
                    quantise(directory, out / own, dev=[dev], max_loss=most)
            except (ArtifactError, DataError):  # it has said why
                continue
        yield own, out / own


def measured(made: Sequence[tuple[str, Path]], dev: Path) -> Iterator[Point]:
    """Yield a point for each version, the first of which the others are compared with."""
    loaded = [loading.as_served(LiveModel.load(directory)) for _, directory in made]
    speeds = measure.texts_per_s(loaded)
    scores = [measure.score(one, dev) for one in loaded]
    rows = zip(made, loaded, speeds, scores, strict=True)
    for (name, directory), model, speed, score in rows:
        build = (model.manifest.builds or {}).get(model.build)
        yield Point(
            name=name,
            directory=str(directory),
            build=model.build,
            score=round(score, 4),
            loss=round(100 * (scores[0] - score), 2),
            texts_per_s=round(speed, 1),
            ratio=round(speed / speeds[0], 2),
            bytes=build.bytes if build else against.weights(directory),
        )
