"""Summaries in a model's own words: the target is the reference, as extended numbers."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from models import catalog
from models.heads.summarization import SummarizationConfig
from models.text import copying
from models.text.tokenizer import Ids
from models.text.words import WordTokenizer
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses.course import Sources, features_of
from models.training.courses.summarizing import Summarizing
from models.training.courses.units import text_tokenizer_for
from models.training.objectives import Objective
from models.training.summarised import Summarised
from models.training.writing import Writing as Written

MOST_WRITTEN = 500
"""Most dev texts that are summarised after each epoch; the row says of how many its scores are."""

One = TypeVar("One")


class Writing(Summarizing):
    """Summaries in a model's own words."""

    def __init__(self, sources: Sources, config: Config) -> None:
        super().__init__(sources, config)
        self._head = catalog.of_kind(config.head, SummarizationConfig)
        self._features = features_of(config)
        texts = (text for one in self.train_examples for text in (one.text, one.summary))
        self.tokenizer: WordTokenizer = text_tokenizer_for(texts, sources, config)
        self.objective: Objective = Written(
            self.tokenizer, self.lang, self._head, config.fit.label_smoothing
        )
        self.train = self._encode(self.train_examples)
        self.dev = self._encode(spread(self.dev_examples, MOST_WRITTEN))

    def _encode(self, examples: Iterable[Summarised]) -> Encoded:
        return self.spooled(map(self._pair, examples))

    def _pair(self, one: Summarised) -> tuple[Ids, Ids]:
        """Return what is read of a text, and its summary in extended numbers."""
        words = self.tokenizer.split(one.text)[: self.config.encoder.length]
        new = copying.unknown((word.form for word in words), self.tokenizer)
        said = (word.form for word in self.tokenizer.split(one.summary)[: self._head.longest])
        written = np.array([*copying.extended(said, new, self.tokenizer)], np.int32)
        return copying.read(words, self.tokenizer, self._features), written


def spread(examples: Sequence[One], most: int) -> Sequence[One]:
    """Return at most so many of them, from all over."""
    return examples[:: -(-len(examples) // most)]
