"""One label a text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.answering import reading
from models.live_model import LiveModel
from models.text.units import Units
from models.training import data, scoring
from models.training.batches import Encoded
from models.training.class_weights import weights_of
from models.training.config import Config
from models.training.courses.course import Sources
from models.training.courses.units import tokenizer_for
from models.training.objectives import Labels, Objective
from schemas.question import Question


class Classifying:
    """One label a text."""

    def __init__(self, sources: Sources, config: Config, tokenizer: Units | None = None) -> None:
        """Read and encode; `tokenizer` is that of a joint training."""
        examples = data.without(data.read_all(sources.train), config.data.drop_labels)
        self.labels = data.labels_of(examples, sources.train[0])
        dev = data.read_all(sources.dev)
        self._dev = data.select(dev, self.labels, sources.dev[0]).examples
        self._encoder = config.encoder
        read = (reading.spoken(one.question, config.encoder) for one in examples)
        texts = [turn for spoken in read for turn in spoken]
        self.tokenizer = tokenizer or tokenizer_for(texts, sources, config)
        self.train, self.dev = self._encode(examples), self._encode(self._dev)
        weights = weights_of(config.fit.class_weights, self.labels, np.asarray(self.train.labels))
        self.objective: Objective = Labels(len(self.labels), config.fit.label_smoothing, weights)

    def questions(self) -> list[Question]:
        """See `Course`."""
        return [one.question for one in self._dev]

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
        labels = np.array([numbers[one.label] for one in examples], dtype=np.int32)
        parsed = reading.parse([one.question for one in examples], self.tokenizer, self._encoder)
        return Encoded([one.ids[: self._encoder.length] for one in parsed], labels)
