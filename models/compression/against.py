"""What a child is against its parent: both answer the same texts, in turns, as workers serve them.

Served means folded or in the precision of `[run]` where that is faster here (`models.faster`), for
that is what somebody gains. `Speeds` has both, as trained and as served.
"""

from pathlib import Path
from typing import NamedTuple

from models import artifact, faster
from models.compression import examples, measure
from models.live_model import LiveModel
from models.training.reading.corpus import Reading
from schemas.model_version import AS_USUAL, Deltas, Manifest
from schemas.question import Question


class Speeds(NamedTuple):
    """Texts a second over the grid of shapes."""

    trained: float
    served: float


def deltas(parent: LiveModel, child: LiveModel, dev: Path, sizes: tuple[int, int]) -> Deltas:
    """Measure a child; `sizes` are the bytes of the parent's weights and of its own."""
    before, after = speeds([parent, child])
    scores = [measure.score(one, dev) for one in (parent, child)]
    asked = questions(parent.manifest, dev)
    return Deltas(
        agreement=measure.agreement(parent.ask(asked), child.ask(asked)),
        loss=round(100 * (scores[0] - scores[1]), 4),
        texts_per_s=round(after.served / before.served, 3),
        size=round(sizes[1] / sizes[0], 4),
    )


def speeds(models: list[LiveModel]) -> list[Speeds]:
    """Return how fast each model is."""
    trained = measure.texts_per_s(models)
    served = [served_of(one) for one in models]
    quickest = measure.texts_per_s(served)
    return [Speeds(*pair) for pair in zip(trained, quickest, strict=True)]


def served_of(model: LiveModel) -> LiveModel:
    """Return a warm version as a worker here would serve it."""
    return faster.chosen(model, model.manifest.run or AS_USUAL)


def weights(directory: Path) -> int:
    """Return the bytes of a version's weights."""
    return (directory / artifact.WEIGHTS).stat().st_size


def questions(manifest: Manifest, dev: Path) -> list[Question]:
    """Return what a version is asked of labelled texts."""
    return [Question(one.text) for one in examples.corpus(manifest, [dev], Reading())]
