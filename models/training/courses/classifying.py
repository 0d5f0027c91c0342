"""One label a text."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from models.answering import reading
from models.catalog import EncoderConfig, exits_of
from models.live_model import LiveModel
from models.text.tokenizer import Ids
from models.text.units import Units
from models.training import data, scoring
from models.training.batches import Encoded
from models.training.class_weights import weights_of
from models.training.config import Config
from models.training.courses.course import Sources
from models.training.courses.units import tokenizer_for
from models.training.ends import EndLabels
from models.training.objectives import Labels, Objective
from models.training.reading.corpus import Corpus
from models.training.spool import Spool
from schemas.question import Question

CHUNK = 256
"""Texts that are encoded together."""
_NAMED = 10
"""Most labels that a warning names."""


class Classifying:
    """One label a text."""

    def __init__(self, sources: Sources, config: Config, tokenizer: Units | None = None) -> None:
        """Read and encode; `tokenizer` is that of a joint training."""
        self._sources, self._encoder = sources, config.encoder
        self._dropped = config.data.drop_labels
        examples = data.corpus(sources.train, sources.reading, self._dropped)
        examples.check_language(sources.lang)
        self.labels = sources.labels or data.labels_of(examples, sources.train[0])
        self._dev = self._known(sources.dev)
        read = _Read(examples, config.encoder)
        self.tokenizer = tokenizer or tokenizer_for(read, sources, config)
        self.train, self.dev = self._encode(examples), self._encode(self._dev)
        weights = weights_of(config.fit.class_weights, self.labels, np.asarray(self.train.labels))
        kind = EndLabels if exits_of(config.encoder) else Labels
        self.objective: Objective = kind(len(self.labels), config.fit.label_smoothing, weights)

    def questions(self) -> list[Question]:
        """See `Course`."""
        return [one.question for one in self._dev]

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """See `Course`."""
        return scoring.score(model, self._dev)

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """See `Course`."""
        return scoring.score(model, self._known(paths))

    def _known(self, paths: Sequence[Path]) -> list[data.Example]:
        examples = list(data.corpus(paths, self._sources.reading, self._dropped))
        if unknown := sorted({one.label for one in examples} - set(self.labels)):
            self._sources.reading.warn(
                f"{paths[0]}: texts are left out whose labels no training text has: "
                + ", ".join(map(repr, unknown[:_NAMED]))
            )
        return data.select(examples, self.labels, paths[0]).examples

    def _encode(self, examples: Iterable[data.Example]) -> Encoded:
        numbers = {label: number for number, label in enumerate(self.labels)}
        labels = np.fromiter((numbers[one.label] for one in examples), dtype=np.int32)
        return Encoded(Spool(self._ids(examples), self._sources.folder), labels)

    def _ids(self, examples: Iterable[data.Example]) -> Iterator[Ids]:
        questions = (one.question for one in examples)
        while chunk := list(islice(questions, CHUNK)):
            for one in reading.parse(chunk, self.tokenizer, self._encoder):
                yield one.ids[: self._encoder.length]


class _Read:
    """What the encoder reads of a corpus, anew at each iteration."""

    def __init__(self, corpus: Corpus[data.Example], encoder: EncoderConfig) -> None:
        self._corpus, self._encoder = corpus, encoder

    def __iter__(self) -> Iterator[str]:
        return (
            turn for one in self._corpus for turn in reading.spoken(one.question, self._encoder)
        )
