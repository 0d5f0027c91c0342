"""Tagging: spans of the original text. The whole decode, CRF and all, is in the traced function.

A span's score is the marginal probability of the least sure of its tags. The tags of a text longer
than the longest input come from its windows, joined where no span is cut (`seams`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import catalog
from models.answering.answerer import TOLERANCE, Judged, Parsed
from models.answering.seams import join, seams
from models.answering.tracing import traced
from models.heads.tagging import decode
from models.text.alignment import fold
from models.text.features import columns
from models.text.tags import chunks, grammar, scheme_of
from models.text.words import Word, WordTokenizer
from models.windows import reach, windows
from schemas.model_version import Manifest
from schemas.prediction import Prediction, Span
from schemas.question import Question


class Tagged(Parsed, frozen=True, kw_only=True):
    """One text cut into units."""

    text: str
    """The original."""
    words: tuple[Word, ...]
    """Where each unit is in it; none in a text without any."""


class SpanAnswerer:
    """Answers with spans."""

    arrays = 2

    def __init__(self, manifest: Manifest, tokenizer: WordTokenizer, network: Any) -> None:
        self._tokenizer, self._limit, self._labels = tokenizer, manifest.max_length, manifest.labels
        self._features = catalog.of_tokens(catalog.read(manifest.architecture).encoder).features
        self._scheme = scheme_of(manifest.labels)
        self.grammar = grammar(manifest.labels)
        """What may follow what."""
        self.run = traced(self.read, network)

    @staticmethod
    def load(path: Path) -> WordTokenizer:
        """Read the tokenizer of a version."""
        return WordTokenizer.load(path)

    def read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        """Return the best tags and their probabilities, each [rows, length]."""
        return tuple(decode(network, ids, self.grammar))

    def parse(self, questions: Sequence[Question]) -> list[Tagged]:
        """Cut into units; a text without any is one unknown unit that no span can be of."""
        return [self._tagged(one.text, self._tokenizer.split(one.text)) for one in questions]

    def parse_tokens(self, sentences: Sequence[Sequence[str]]) -> list[Tagged]:
        """Take units as they are given, as a corpus has them; the text joins them with blanks."""
        return [self._tagged(" ".join(tokens), _placed(tokens)) for tokens in sentences]

    def stitch(self, outputs: Sequence[Any], parsed: Tagged) -> Sequence[Any]:
        """Return tags and confidences [1, tokens] of the whole text from those of its windows."""
        cut = parsed.windows
        named = [
            [self._labels[number] for number in row[: end - start]]
            for row, (start, end) in zip(outputs[0], cut, strict=True)
        ]
        places = seams(named, cut, self._scheme)
        return [join(output, places, cut)[None] for output in outputs]

    def decode(self, outputs: Sequence[Any], parsed: Sequence[Tagged]) -> list[Prediction]:
        """Return the spans of each text, in order."""
        tags, confidences = outputs
        rows = zip(parsed, tags.tolist(), np.round(confidences.astype(float), 6), strict=True)
        return [
            Prediction(tokens=one.tokens, spans=self._spans(one, *row), truncated=one.truncated)
            for one, *row in rows
        ]

    def judge(self, outputs: Sequence[Any], parsed: Sequence[Tagged]) -> list[Judged]:
        """Decode; as sure as of the least sure tag of the text, spans or not."""
        least = [
            float(row[: len(one.ids)].min()) for one, row in zip(parsed, outputs[1], strict=True)
        ]
        return [Judged(*one) for one in zip(self.decode(outputs, parsed), least, strict=True)]

    def agree(self, one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
        """Whether length, cut, stretches and labels are the same, and the scores nearly so."""
        return _outline(one) == _outline(other) and all(
            abs((mine.score or 0) - (theirs.score or 0)) <= tolerance
            for mine, theirs in zip(one.spans or (), other.spans or (), strict=True)
        )

    def _tagged(self, text: str, words: Sequence[Word]) -> Tagged:
        read = words[: reach(self._limit)]
        return Tagged(
            ids=columns([word.form for word in read], self._tokenizer, self._features),
            tokens=max(1, len(words)),
            truncated=len(words) > len(read),
            windows=windows(len(words), self._limit),
            text=text,
            words=tuple(read),
        )

    def _spans(self, one: Tagged, numbers: list[int], confidence: Any) -> tuple[Span, ...]:
        tags = [self._labels[number] for number in numbers[: len(one.words)]]
        return tuple(
            Span(
                start=(start := one.words[chunk.start].start),
                end=(end := one.words[chunk.end - 1].end),
                label=chunk.label,
                text=one.text[start:end],
                score=float(confidence[chunk.start : chunk.end].min()),
            )
            for chunk in chunks(tags, self._scheme)
        )


def _placed(tokens: Sequence[str]) -> list[Word]:
    words, start = [], 0
    for token in tokens:
        words.append(Word(fold(token), start, start + len(token)))
        start += len(token) + 1
    return words


def _outline(answer: Prediction) -> tuple[Any, ...]:
    spans = [(span.start, span.end, span.label) for span in answer.spans or ()]
    return answer.tokens, answer.truncated, spans
