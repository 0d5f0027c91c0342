"""Summaries made of a document's own sentences.

A document of any length is read whole. What is longer than the longest input is read in windows of
whole sentences, neighbours sharing about a quarter of theirs; a shared sentence takes the score of
the window in which it is farther from an edge. The softmax is over all sentences of the document,
so the windows compete. A summary's score is the belief in its sentences together.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import catalog
from models.answering.answerer import TOLERANCE, Parsed
from models.answering.selection import choose
from models.answering.tracing import traced
from models.heads.extraction import ExtractionConfig
from models.text import documents
from models.text.documents import Document
from models.text.openings import without_opening
from models.text.sentences import Stretch
from models.text.words import WordTokenizer
from schemas.model_version import Language, Manifest
from schemas.prediction import Prediction
from schemas.question import Question


class Read(Parsed, frozen=True, kw_only=True):
    """One document, cut into sentences."""

    document: Document


class ExtractAnswerer:
    """Answers with sentences."""

    arrays = 1

    def __init__(self, manifest: Manifest, tokenizer: WordTokenizer, network: Any) -> None:
        architecture = catalog.read(manifest.architecture)
        self._tokenizer, self._limit = tokenizer, manifest.max_length
        self._lang = manifest.languages[0]
        self._head = catalog.of_kind(architecture.head, ExtractionConfig)
        self._features = catalog.of_tokens(architecture.encoder).features
        self.run = traced(self.read, network)

    @staticmethod
    def load(path: Path) -> WordTokenizer:
        """Read the tokenizer of a version."""
        return WordTokenizer.load(path)

    def read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        """Return the logits [rows, sentences]."""
        return (network(ids, training=False),)

    def parse(self, questions: Sequence[Question]) -> list[Read]:
        """Cut into sentences; a text without any unit is one unknown unit, its summary empty."""
        return [self._read(one.text) for one in questions]

    def stitch(self, outputs: Sequence[Any], parsed: Read) -> Sequence[Any]:
        """Return the logits [1, sentences] of the whole document from those of its windows."""
        numbers = parsed.document.ids[:, -documents.COLUMNS]
        spans = [(numbers[start] - 1, numbers[end - 1]) for start, end in parsed.windows]
        return [_join(outputs[0], spans)[None]]

    def decode(self, outputs: Sequence[Any], parsed: Sequence[Read]) -> list[Prediction]:
        """Return the summary of each document."""
        return [self._answer(one, row) for one, row in zip(parsed, outputs[0], strict=True)]

    def agree(self, one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
        """Whether length and summary are the same, and the scores nearly so."""
        same = (one.tokens, one.summary) == (other.tokens, other.summary)
        return same and abs((one.score or 0) - (other.score or 0)) <= tolerance

    def _read(self, text: str) -> Read:
        longest = min(self._head.longest_sentence, self._limit)
        document = documents.read(
            text, self._tokenizer, self._features, longest, self._head.clauses
        )
        return Read(
            ids=document.ids,
            tokens=len(document.ids),
            truncated=False,
            windows=documents.windows(document.sentences, self._limit),
            document=document,
        )

    def _answer(self, one: Read, logits: NDArray[np.float32]) -> Prediction:
        cut, words = one.document.sentences, one.document.words
        beliefs = _softmax(logits[: len(cut)])
        chosen = choose(
            beliefs.tolist(),
            [[word.form for word in words[start:end]] for start, end in cut],
            self._head.sentences,
            self._head.longest_summary,
        )
        return Prediction(
            tokens=one.tokens,
            summary=self._summary(one.document, [cut[number] for number in chosen]),
            score=round(min(1.0, float(beliefs[chosen].sum())), 6),
        )

    def _summary(self, document: Document, chosen: Sequence[Stretch]) -> str:
        said = [wording(document, stretch, self._head) for stretch in chosen]
        return _BLANKS[self._lang].join(said)


_BLANKS: dict[Language, str] = {"en": " ", "zh": ""}


def wording(document: Document, sentence: Stretch, head: ExtractionConfig) -> str:
    """Return how a summary words a sentence: as the original, openings apart."""
    first, last = document.words[sentence[0]], document.words[sentence[1] - 1]
    said = " ".join(document.text[first.start : last.end].split())
    return without_opening(said) if head.drop_openings else said


def _join(rows: Sequence[NDArray[np.float32]], spans: Sequence[tuple[int, int]]) -> Any:
    """Return one row of logits; `spans` are the sentences of each window, which overlap."""
    cuts = [(end + start) // 2 for (_, end), (start, _) in pairwise(spans)]
    borders = [0, *cuts, spans[-1][1]]
    pieces = zip(rows, spans, borders, borders[1:], strict=False)
    return np.concatenate(
        [row[begin - start : end - start] for row, (start, _), begin, end in pieces]
    )


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    if not len(logits):
        return np.zeros(0)
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum())
