"""One tag a token."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.live_model import LiveModel
from models.text.alignment import fold
from models.text.features import columns
from models.text.words import WordTokenizer
from models.training import scoring, tagged
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses.course import Sources, features_of
from models.training.courses.units import placed_unit, word_tokenizer_for
from models.training.objectives import Objective, Tags
from schemas.question import Question


class Tagging:
    """One tag a token."""

    def __init__(
        self, sources: Sources, config: Config, tokenizer: WordTokenizer | None = None
    ) -> None:
        """Read and encode; `tokenizer` is that of a joint training."""
        self._config, self._features = config, features_of(config)
        self._unit = placed_unit(sources, config)
        sentences = tagged.read(sources.train, config.data.rename_labels)
        self.labels = tagged.labels_of(sentences, sources.train)
        self._dev = tagged.read(sources.dev, config.data.rename_labels)
        self.tokenizer = tokenizer or word_tokenizer_for(
            (one.tokens for one in sentences), sources, config
        )
        self.objective: Objective = Tags(self.labels)
        self.train = self._encode(sentences)
        self.dev = self._encode(tagged.known(self._dev, self.labels, sources.dev[0]))

    def questions(self) -> list[Question]:
        """See `Course`."""
        blank = "" if self._unit == "character" else " "
        return [Question(blank.join(one.tokens)) for one in self._dev]

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
