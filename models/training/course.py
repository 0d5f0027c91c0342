"""What one task brings to a training: its data as numbers, its objective, its scores.

The steps of a training (`models.training.run`) are the same for every task; what differs is here,
one class a kind of head.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from models.encoders.recurrent import RecurrentConfig
from models.live_model import LiveModel
from models.text.alignment import fold
from models.text.features import FeatureConfig, columns
from models.text.tokenizer import Tokenizer
from models.text.words import Unit, WordTokenizer
from models.training import data, scoring, tagged
from models.training.batches import Encoded
from models.training.config import Config
from models.training.objectives import Labels, Objective, Tags
from schemas.errors import SettingsError
from schemas.model_version import Language

_UNITS: dict[Language, Unit] = {"zh": "character", "en": "word"}


class Course(Protocol):
    """The data of one training."""

    labels: tuple[str, ...]
    tokenizer: Any
    """With `size` and `save`."""
    objective: Objective
    train: Encoded
    dev: Encoded

    def texts(self) -> list[str]:
        """Return the dev texts, for samples and warm-up."""

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """Score the dev texts by the path that serves."""

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """Score test files, read only now."""


class Classifying:
    """One label a text."""

    def __init__(
        self, train: Sequence[Path], dev: Sequence[Path], config: Config, parent: Path | None
    ) -> None:
        examples = data.without(data.read_all(train), config.data.drop_labels)
        self.labels = data.labels_of(examples, train[0])
        self._dev = data.select(data.read_all(dev), self.labels, dev[0]).examples
        wanted = config.tokenizer
        self.tokenizer = (
            Tokenizer.fit([one.text for one in examples], wanted.vocabulary, wanted.min_frequency)
            if parent is None
            else Tokenizer.load(parent)
        )
        self.objective: Objective = Labels(len(self.labels), config.fit.label_smoothing)
        self._length = config.encoder.length
        self.train, self.dev = self._encode(examples), self._encode(self._dev)

    def texts(self) -> list[str]:
        """See `Course`."""
        return [one.text for one in self._dev]

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """See `Course`."""
        return scoring.score(model, self._dev)

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """See `Course`."""
        return scoring.score(
            model, data.select(data.read_all(paths), self.labels, paths[0]).examples
        )

    def _encode(self, examples: Sequence[data.Example]) -> Encoded:
        numbers = {label: number for number, label in enumerate(self.labels)}
        ids = self.tokenizer.encode([one.text for one in examples])
        labels = np.array([numbers[one.label] for one in examples], dtype=np.int32)
        return Encoded([one[: self._length] for one in ids], labels)


class Tagging:
    """One tag a token."""

    def __init__(
        self,
        train: Sequence[Path],
        dev: Sequence[Path],
        config: Config,
        parent: Path | None,
        lang: Language,
    ) -> None:
        self._config, self._features = config, _features(config)
        self._unit = config.tokenizer.unit or _UNITS[lang]
        sentences = tagged.read(train, config.data.rename_labels)
        self.labels = tagged.labels_of(sentences, train)
        self._dev = tagged.read(dev, config.data.rename_labels)
        wanted = config.tokenizer
        self.tokenizer = (
            WordTokenizer.fit(
                [one.tokens for one in sentences],
                self._unit,
                wanted.vocabulary,
                wanted.min_frequency,
            )
            if parent is None
            else WordTokenizer.load(parent)
        )
        self.objective: Objective = Tags(self.labels)
        self.train = self._encode(sentences)
        self.dev = self._encode(tagged.known(self._dev, self.labels, dev[0]))

    def texts(self) -> list[str]:
        """See `Course`."""
        blank = "" if self._unit == "character" else " "
        return [blank.join(one.tokens) for one in self._dev]

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """See `Course`."""
        return scoring.score_tags(model, self._dev)

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """See `Course`."""
        return scoring.score_tags(model, tagged.read(paths, self._config.data.rename_labels))

    def _encode(self, sentences: Sequence[tagged.Sentence]) -> Encoded:
        length, features = self._config.encoder.length, self._features
        numbers = {label: number for number, label in enumerate(self.labels)}
        ids = [
            columns([fold(token) for token in one.tokens], self.tokenizer, features)
            for one in sentences
        ]
        tags = [np.array([numbers[tag] for tag in one.tags], dtype=np.int32) for one in sentences]
        return Encoded([one[:length] for one in ids], [one[:length] for one in tags])


def _features(config: Config) -> FeatureConfig:
    if not isinstance(config.encoder, RecurrentConfig):
        raise SettingsError('tagging needs [encoder] type = "recurrent"')
    return config.encoder.features
