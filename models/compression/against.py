"""What a child is against its parent: both answer the same texts, in turns, as workers serve them.

Served means folded or in the precision of `[run]` where that is faster here (`models.faster`), for
that is what somebody gains. `Speeds` has both, as trained and as served.
"""

from pathlib import Path
from typing import NamedTuple

from models import artifact, loading
from models.compression import measure
from models.live_model import LiveModel
from schemas.model_version import Deltas


class Speeds(NamedTuple):
    """Texts a second over the grid of shapes."""

    trained: float
    served: float


def deltas(parent: LiveModel, child: LiveModel, dev: Path, sizes: tuple[int, int]) -> Deltas:
    """Measure a child; `sizes` are the bytes of the parent's weights and of its own."""
    before, after = speeds([parent, child])
    scores = [measure.score(one, dev) for one in (parent, child)]
    asked = measure.questions(parent, dev)
    return Deltas(
        agreement=measure.agreement(parent.ask(asked), child.ask(asked)),
        loss=round(100 * (scores[0] - scores[1]), 4),
        texts_per_s=round(after.served / before.served, 3),
        size=round(sizes[1] / sizes[0], 4),
    )


def speeds(models: list[LiveModel]) -> list[Speeds]:
    """Return how fast each model is."""
    trained = measure.texts_per_s(models)
    served = [loading.as_served(one) for one in models]
    quickest = measure.texts_per_s(served)
    return [Speeds(*pair) for pair in zip(trained, quickest, strict=True)]


def weights(directory: Path) -> int:
    """Return the bytes of a version's weights."""
    return (directory / artifact.WEIGHTS).stat().st_size
