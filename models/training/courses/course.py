"""What one kind of head brings to a training: its data as numbers, its objective, its scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from models import catalog
from models.live_model import LiveModel
from models.text.features import FeatureConfig
from models.training.batches import Encoded
from models.training.config import Config
from models.training.objectives import Objective
from models.training.reading.corpus import Reading
from schemas.errors import ArtifactError, SettingsError
from schemas.model_version import Language
from schemas.question import Question


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one training."""

    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    lang: Language
    tokenizer: Path | None = None
    """Tokenizer of the parent version; None: one is learnt from the training files."""
    labels: tuple[str, ...] = ()
    """The labels of a version that is taken over whole; none: those of the training texts."""
    raw: tuple[Path, ...] = ()
    """Unlabelled texts whose words a tokenizer learns too."""
    lexicon: Path | None = None
    """Dictionary for the features that look words up; the parent's comes with its tokenizer."""
    reading: Reading = Reading()
    folder: Path | None = None
    """Where encoded texts are kept; None: the system's folder for temporary files."""


def features_of(config: Config) -> FeatureConfig:
    """Return the hashed features of a recipe's tokens; SettingsError where it has no tokens."""
    try:
        return catalog.of_tokens(config.encoder).features
    except ArtifactError as error:
        raise SettingsError(f"the recipe is wrong: {error} in [encoder]") from error


class Course(Protocol):
    """The data of one training."""

    labels: tuple[str, ...]
    tokenizer: Any
    """With `size` and `save`."""
    objective: Objective
    train: Encoded
    dev: Encoded

    def __init__(self, sources: Sources, config: Config) -> None:
        """Read and encode; DataError names the file and the line."""

    def questions(self) -> list[Question]:
        """Return the dev texts, for samples and warm-up."""

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """Score the dev texts by the path that serves."""

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """Score test files, read only now."""
