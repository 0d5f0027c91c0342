"""Sentences chosen for a summary: one worth a sentence.

A document longer than the longest input is learnt window by window, as it is read.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from models import catalog
from models.answering.extracts import wording
from models.heads.extraction import ExtractionConfig
from models.text import documents
from models.text.tokenizer import Ids
from models.text.words import WordTokenizer
from models.training.batches import Encoded
from models.training.choosing import Choices, worths
from models.training.config import Config
from models.training.courses.course import Sources, features_of
from models.training.courses.summarizing import Summarizing
from models.training.courses.units import text_tokenizer_for
from models.training.objectives import Objective
from models.training.rouge import units
from models.training.summarised import Summarised


class Extracting(Summarizing):
    """Sentences chosen for a summary."""

    def __init__(self, sources: Sources, config: Config) -> None:
        super().__init__(sources, config)
        self._head = catalog.of_kind(config.head, ExtractionConfig)
        self._features = features_of(config)
        self.tokenizer: WordTokenizer = text_tokenizer_for(
            (one.text for one in self.train_examples), sources, config
        )
        self.objective: Objective = Choices()
        self.train = self._encode(self.train_examples)
        self.dev = self._encode(self.dev_examples)

    def _encode(self, examples: Iterable[Summarised]) -> Encoded:
        return self.spooled(pair for example in examples for pair in self._pieces(example))

    def _pieces(self, example: Summarised) -> list[tuple[Ids, NDArray[np.int32]]]:
        length, head = self.config.encoder.length, self._head
        longest = min(head.longest_sentence, length)
        document = documents.read(
            example.text, self.tokenizer, self._features, longest, head.clauses
        )
        if not document.sentences:
            return []
        worth = worths(
            [units(wording(document, one, head), self.lang) for one in document.sentences],
            [units(reference, self.lang) for reference in example.references],
            head.sentences,
        )
        numbers = document.ids[:, -documents.COLUMNS]
        return [
            (document.ids[start:end], worth[numbers[start] - 1 : numbers[end - 1]])
            for start, end in documents.windows(document.sentences, length)
            or ((0, len(document.ids)),)
        ]
