"""From a directory to a model that answers, whatever is in it, and to the fastest way to run it."""

from pathlib import Path

from models import artifact, faster, folding, sharing
from models.cascade import LiveCascade
from models.exits import LiveExits
from models.gains import Gains
from models.live_model import LiveModel
from models.source import FILES, Source
from models.stored import Stored
from schemas.model_version import AS_USUAL


def load(directory: Path, source: Source = FILES) -> LiveModel:
    """Check a version directory and load the version, or the cascade of two, that is in it.

    `source`: gives tokenizers and networks; one that shares them is for those that are run
    `as_served` with the same gains.
    Raises ArtifactError where a file is damaged, unknown or does not fit the architecture.
    """
    manifest = artifact.read_manifest(directory)
    kind = LiveCascade if manifest.cascade else LiveExits if manifest.exits else LiveModel
    return kind.load(directory, source)


def as_served(model: LiveModel, gains: Gains | None = None) -> LiveModel:
    """Return a model in the way that workers run it, each part of a cascade in its own.

    `gains`: what was measured here before; None: nothing.
    """
    gains = gains or Gains()
    if isinstance(model, LiveCascade):
        return model.of_parts(as_served(model.cheap, gains), as_served(model.strong, gains))
    if isinstance(model, LiveExits):
        return model
    sharing.share(model, gains.traces)
    found = faster.chosen(model, model.manifest.run or AS_USUAL, gains)
    if found.build == folding.BUILD:
        found.network = None  # its tables are made
    elif isinstance(found.network, Stored) and model.directory is not None:
        return as_served(load(model.directory), gains)  # not folded, for once
    return found
