"""Making a cascade: the threshold tuned on dev texts, and what it is against the strong version."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from models import artifact, cascade, loading
from models.compression import child, measure, trial_texts, tuning
from models.compression.tuning import Promise, Tuned
from models.live_model import LiveModel
from models.training.reading.corpus import Reading
from schemas.errors import ArtifactError
from schemas.model_version import Cascade, Compression, Deltas, Manifest


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
    parsed = texts.parse(ours)
    judged, last = trial_texts.judge(ours, parsed), theirs.predict_parsed(texts.parse(theirs))
    tuned = tuning.tune(
        [judged], last, lambda answers: texts.score(theirs, parsed, answers), promise
    )
    both = cascade.LiveCascade(_manifest(theirs.manifest, tuned), ours, theirs)
    for one in both.parts:
        one.warm_up([(16, 1), (32, 32)])
    pace = measure.of_questions([loading.as_served(one) for one in (both, theirs)], texts.questions)
    deltas = Deltas(
        agreement=round(tuned.agreement, 4),
        loss=round(tuned.lost, 3),
        texts_per_s=round(pace[0] / pace[1], 3),
        size=round(1 + _bytes(cheap) / _bytes(strong), 3),
    )
    manifest = replace(
        both.manifest,
        samples=tuning.samples(both, texts.questions, tuned),
        compression=Compression(method="cascade", deltas=deltas),
    )
    return _write(out, manifest, {artifact.CHEAP: cheap, artifact.STRONG: strong})


def _manifest(strong: Manifest, tuned: Tuned) -> Manifest:
    """Return the manifest without what has to be measured with the cascade."""
    return replace(
        strong,
        parent=artifact.digest(strong),
        cascade=Cascade(threshold=tuned.threshold, early_share=tuned.shares[0]),
        metrics=tuning.dev_score(strong, tuned.score),
        builds=UNSET,
        allowed_loss=UNSET,
        run=UNSET,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _bytes(directory: Path) -> int:
    return (directory / artifact.WEIGHTS).stat().st_size


def _write(out: Path, manifest: Manifest, parts: dict[str, Path]) -> Manifest:
    files: dict[str, Path] = {}
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
