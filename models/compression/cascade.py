"""Making a cascade: the threshold tuned on dev texts, and what it is against the strong version."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from models import artifact, cascade, loading
from models.compression import child, measure, threshold, trial_texts
from models.compression.threshold import Chosen
from models.compression.trial_texts import Texts
from models.live_model import LiveModel
from models.training.reading.corpus import Reading
from schemas.errors import ArtifactError
from schemas.model_version import Cascade, Compression, Deltas, Manifest, Sample
from schemas.prediction import Prediction
from schemas.question import Question

SAMPLES: Final = 8
TIMED: Final = 1024
"""Dev texts at most that are answered to compare speeds."""
_ROUNDS: Final = 3
_CLEAR: Final = 1e-3
"""How far from the threshold the confidence of a sample is, so that any device decides alike."""


class Promise(NamedTuple):
    """What a cascade must keep of the strong version; one of the two."""

    agreement: float | None = None
    """Least share of texts that keep their answer."""
    loss: float | None = None
    """Most points of the score that are lost."""


class _Tuned(NamedTuple):
    chosen: Chosen
    agreement: float
    score: float
    lost: float
    """Points."""
    confidences: list[float]


def make(
    cheap: Path, strong: Path, dev: Path, promise: Promise, out: Path, reading: Reading
) -> Manifest:
    """Write the cascade of two version directories to `out`; return its manifest.

    Raises:
        ArtifactError: one is damaged, or they cannot answer for each other, or `out` exists.
        DataError: the dev texts cannot be used, or no threshold keeps the promise.
    """
    if out.exists():
        raise ArtifactError(f"{out} exists already: a version is never written over")
    ours, theirs = LiveModel.load(cheap), LiveModel.load(strong)
    cascade.check_pair(ours, theirs)
    texts = trial_texts.read(dev, theirs.manifest, reading)
    tuned = _tune(ours, theirs, texts, promise)
    manifest = replace(
        theirs.manifest,
        parent=artifact.digest(theirs.manifest),
        cascade=Cascade(threshold=tuned.chosen.threshold, early_share=tuned.chosen.share),
        metrics={f"dev_{_metric(theirs.manifest)}": round(tuned.score, 4)},
        builds=UNSET,
        allowed_loss=UNSET,
        run=UNSET,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    both = cascade.LiveCascade(manifest, ours, theirs)
    questions = _clear(texts.questions, tuned)
    samples = _samples(questions, both.ask(questions))
    deltas = Deltas(
        agreement=round(tuned.agreement, 4),
        loss=round(tuned.lost, 3),
        texts_per_s=round(_gain(both, texts.questions), 3),
        size=round(1 + _bytes(cheap) / _bytes(strong), 3),
    )
    made = Compression(method="cascade", deltas=deltas)
    manifest = replace(manifest, samples=samples, compression=made)
    return _write(out, manifest, {artifact.CHEAP: cheap, artifact.STRONG: strong})


def _tune(cheap: LiveModel, strong: LiveModel, texts: Texts, promise: Promise) -> _Tuned:
    parsed = texts.parse(cheap)
    judged = trial_texts.judge(cheap, parsed)
    dear = strong.predict_parsed(texts.parse(strong))
    confidences = [one.confidence for one in judged]

    def mixed(early: Sequence[int]) -> list[Prediction]:
        taken = set(early)
        return [judged[at].answer if at in taken else one for at, one in enumerate(dear)]

    def value(answers: Sequence[Prediction]) -> float:
        return texts.score(strong, parsed, answers)

    whole = value(dear)
    if promise.loss is not None:
        chosen = threshold.by_loss(
            confidences, lambda early: 100 * (whole - value(mixed(early))), promise.loss
        )
    else:
        pairs = zip(judged, dear, strict=True)
        agrees = [measure.agreement([one.answer], [other]) == 1 for one, other in pairs]
        chosen = threshold.by_agreement(confidences, agrees, promise.agreement or 0.0)
    early = [at for at, one in enumerate(confidences) if one >= chosen.threshold]
    answers = mixed(early)
    score = value(answers)
    agreement = measure.agreement(answers, dear)
    return _Tuned(chosen, agreement, score, 100 * (whole - score), confidences)


def _metric(manifest: Manifest) -> str:
    """Return the name of the score that its training gave, the one that decides."""
    names = [name.removeprefix("dev_") for name in manifest.metrics]
    return next((name for name in reversed(measure.SCORES) if name in names), "accuracy")


def _clear(questions: Sequence[Question], tuned: _Tuned) -> list[Question]:
    """Return texts for samples: some of the sure ones, some of the others, none in between."""
    border = tuned.chosen.threshold
    sure = [at for at, one in enumerate(tuned.confidences) if one > border + _CLEAR]
    unsure = [at for at, one in enumerate(tuned.confidences) if one < border - _CLEAR]
    half = SAMPLES // 2
    some = [at for group in (sure, unsure) for at in group[:: max(1, len(group) // half)][:half]]
    return [questions[at] for at in some]


def _samples(questions: Sequence[Question], answers: Sequence[Prediction]) -> tuple[Sample, ...]:
    return tuple(
        Sample(text=one.text, prediction=answer, context=one.context or UNSET)
        for one, answer in zip(questions, answers, strict=True)
    )


def _gain(both: cascade.LiveCascade, questions: Sequence[Question]) -> float:
    """Return how many times as fast the cascade answers the dev texts, both as workers run them."""
    for one in both.parts:
        one.warm_up([(length, 32) for length in (16, 32)])
    served = loading.as_served(both)
    some = list(questions[:: max(1, len(questions) // TIMED)][:TIMED])
    models, best = (served, served.parts[-1]), [float("inf")] * 2
    for turn in range(_ROUNDS + 1):
        for place, model in enumerate(models):
            started = perf_counter()
            model.ask(some)
            if turn:
                best[place] = min(best[place], perf_counter() - started)
    return best[1] / best[0]


def _bytes(directory: Path) -> int:
    return (directory / artifact.WEIGHTS).stat().st_size


def _write(out: Path, manifest: Manifest, parts: dict[str, Path]) -> Manifest:
    files: dict[str, Any] = {}
    for part, directory in parts.items():
        names = (*artifact.verify(directory).files, artifact.MANIFEST)
        files |= {f"{part}/{name}": directory / name for name in names}
    with tempfile.TemporaryDirectory(prefix="textmill-cascade-") as folder:
        card = Path(folder, artifact.CARD)
        told = (parts[artifact.STRONG] / artifact.CARD).read_text("utf-8")
        card.write_text(child.carded(told, manifest), "utf-8")
        saved = artifact.save(out, manifest, {**files, artifact.CARD: card})
    loading.load(out).check_samples()
    return saved


def summary(manifest: Manifest) -> dict[str, object]:
    """Return what is told of a cascade when it is made."""
    told = msgspec.to_builtins(manifest.cascade)
    made = msgspec.to_builtins(manifest.compression)
    return {**told, **made["deltas"], **manifest.metrics}
