"""From a directory to a model that answers, whatever is in it, and to the fastest way to run it."""

from pathlib import Path

from models import artifact, faster
from models.cascade import LiveCascade
from models.exits import LiveExits
from models.gains import Gains
from models.live_model import LiveModel
from schemas.model_version import AS_USUAL


def load(directory: Path) -> LiveModel:
    """Check a version directory and load the version, or the cascade of two, that is in it.

    Raises ArtifactError where a file is damaged, unknown or does not fit the architecture.
    """
    manifest = artifact.read_manifest(directory)
    if manifest.cascade:
        return LiveCascade.load(directory)
    return (LiveExits if manifest.exits else LiveModel).load(directory)


def as_served(model: LiveModel, gains: Gains | None = None) -> LiveModel:
    """Return a model in the way that workers run it, each part of a cascade in its own.

    `gains`: what was measured here before; None: nothing.
    """
    gains = gains or Gains()
    if isinstance(model, LiveCascade):
        return model.of_parts(as_served(model.cheap, gains), as_served(model.strong, gains))
    if isinstance(model, LiveExits):
        return model
    return faster.chosen(model, model.manifest.run or AS_USUAL, gains)
