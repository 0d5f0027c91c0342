"""Tuning when an early answer stands, and what that is against asking the last network always."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from msgspec import UNSET

from models.answering.answerer import Judged
from models.compression import measure
from models.compression.threshold import lowest
from models.live_model import LiveModel
from schemas.model_version import Manifest, Sample
from schemas.prediction import Prediction
from schemas.question import Question

SAMPLES: Final = 8
_CLEAR: Final = 1e-3
"""How far from the threshold the confidence of a sample is, so that any device decides alike."""


class Promise(NamedTuple):
    """What must be kept of the last network; one of the two."""

    agreement: float | None = None
    """Least share of texts that keep their answer."""
    loss: float | None = None
    """Most points of the score that are lost."""


class Tuned(NamedTuple):
    """A threshold, and what it does to the dev texts."""

    threshold: float
    shares: tuple[float, ...]
    """Of the texts, by what answered them; the last network's last."""
    agreement: float
    score: float
    lost: float
    """Points."""
    ends: list[int]
    """Which network answered each text, counted from 0."""
    clear: list[bool]
    """Of each text, whether no confidence is so near to the threshold that it might move."""


def tune(
    early: Sequence[Sequence[Judged]],
    last: Sequence[Prediction],
    value: Callable[[Sequence[Prediction]], float],
    promise: Promise,
) -> Tuned:
    """Return the lowest threshold that keeps the promise.

    Args:
        early: of each network before the last what it says of each text.
        last: what the last one answers.
        value: what answers are worth, 0 to 1.
        promise: what must be kept.

    Raises:
        DataError: no threshold keeps it.
    """
    whole = value(last)

    def loss(threshold: float) -> float:
        answers = _answers(early, last, _ends(early, threshold))
        if promise.agreement is not None:
            return 100 * (1 - measure.agreement(answers, last))
        return 100 * (whole - value(answers))

    most = promise.loss if promise.agreement is None else 100 * (1 - promise.agreement)
    said = [one.confidence for judged in early for one in judged]
    threshold = lowest(said, loss, most or 0.0)
    ends = _ends(early, threshold)
    answers = _answers(early, last, ends)
    score = value(answers)
    texts = zip(*early, strict=True)
    return Tuned(
        threshold=threshold,
        shares=tuple(ends.count(end) / len(ends) for end in range(len(early) + 1)),
        agreement=measure.agreement(answers, last),
        score=score,
        lost=100 * (whole - score),
        ends=ends,
        clear=[all(abs(one.confidence - threshold) > _CLEAR for one in said) for said in texts],
    )


def samples(model: LiveModel, questions: Sequence[Question], tuned: Tuned) -> tuple[Sample, ...]:
    """Return samples of a conditional version, some of each network's, none near the threshold."""
    some: list[Question] = []
    for end in range(len(tuned.shares)):
        clear = zip(questions, tuned.ends, tuned.clear, strict=True)
        own = [one for one, answered, far in clear if far and answered == end]
        count = -(-SAMPLES // len(tuned.shares))
        some += own[:: max(1, len(own) // count)][:count]
    return tuple(
        Sample(text=one.text, prediction=answer, context=one.context or UNSET)
        for one, answer in zip(some, model.ask(some), strict=True)
    )


def dev_score(manifest: Manifest, score: float) -> dict[str, float]:
    """Return the metrics of a child whose dev score was measured, named as its parent's."""
    known = {name.removeprefix("dev_") for name in manifest.metrics}
    return {f"dev_{measure.main_score(known | {measure.SCORES[0]})}": round(score, 4)}


def _ends(early: Sequence[Sequence[Judged]], threshold: float) -> list[int]:
    """Return which network answers each text: the first that is sure."""
    return [
        next((end for end, one in enumerate(said) if one.confidence >= threshold), len(early))
        for said in zip(*early, strict=True)
    ]


def _answers(
    early: Sequence[Sequence[Judged]], last: Sequence[Prediction], ends: Sequence[int]
) -> list[Prediction]:
    return [early[end][at].answer if end < len(early) else last[at] for at, end in enumerate(ends)]
