"""Version directories to replace others with: without builds, so that they are tried sooner."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import UNSET

from models import artifact
from schemas.prediction import Prediction

STARTERS = Path(__file__).resolve().parents[2] / "models" / "starter"


def variant(starter: str, directory: Path, **changes: object) -> Path:
    """A starter with another card, and other words in its manifest: another version of it."""
    source = STARTERS / starter
    plain = {"builds": UNSET, "allowed_loss": UNSET}
    manifest = msgspec.structs.replace(artifact.read_manifest(source), **plain, **changes)
    with TemporaryDirectory() as workspace:
        kept = set(manifest.files) - set(artifact.BUILDS.values())
        files = {name: source / name for name in kept}
        files[artifact.CARD] = Path(workspace) / artifact.CARD
        files[artifact.CARD].write_text(f"{directory.name}\n")
        artifact.save(directory, manifest, files)
    return directory


def called_next(starter: str) -> dict[str, str]:
    """Each label of a starter and the next one."""
    labels = artifact.read_manifest(STARTERS / starter).labels
    return dict(zip(labels, (*labels[1:], labels[0]), strict=True))


def with_wrong_labels(starter: str, directory: Path) -> Path:
    """The same network, each of whose labels is called as the next one."""
    manifest, turned = artifact.read_manifest(STARTERS / starter), called_next(starter)

    def said(one: Prediction) -> Prediction:
        scores = {turned[label]: score for label, score in one.scores.items()}
        return msgspec.structs.replace(one, label=turned[one.label or ""], scores=scores)

    samples = tuple(
        msgspec.structs.replace(one, prediction=said(one.prediction)) for one in manifest.samples
    )
    wrong = tuple(turned[label] for label in manifest.labels)
    return variant(starter, directory, labels=wrong, samples=samples)
