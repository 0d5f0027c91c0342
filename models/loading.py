"""From a directory to a model that answers, whatever is in it, and to the fastest way to run it."""

from pathlib import Path

from models import artifact, faster
from models.cascade import LiveCascade
from models.live_model import LiveModel
from schemas.model_version import AS_USUAL


def load(directory: Path) -> LiveModel:
    """Check a version directory and load what is in it: a version, or a cascade of two.

    Raises ArtifactError where a file is damaged, unknown or does not fit the architecture.
    """
    kind = LiveCascade if artifact.read_manifest(directory).cascade else LiveModel
    return kind.load(directory)


def as_served(model: LiveModel) -> LiveModel:
    """Return a warm model in the way that workers run it, each part of a cascade in its own."""
    if isinstance(model, LiveCascade):
        parts = as_served(model.cheap), as_served(model.strong)
        return LiveCascade(model.manifest, *parts)
    return faster.chosen(model, model.manifest.run or AS_USUAL)
