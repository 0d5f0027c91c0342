"""Summarisation: a text of the model's own words and of copied ones.

The whole beam search is in the traced function; what comes out of it are numbers of the extended
vocabulary (`models.text.copying`). A word that the source has is spelt as the source spells it. The
score is the geometric mean of the probabilities of the summary's words, its end included. A text
longer than the longest input is read up to there, for what a text is about stands at its beginning,
and its answer says so. A text without words has an empty summary, of score 0.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from models import catalog
from models.answering.answerer import TOLERANCE, Parsed
from models.answering.tracing import traced
from models.heads.summarization import SummarizationConfig, decode
from models.text.copying import read
from models.text.joining import gaps, join
from models.text.words import Word, WordTokenizer
from schemas.model_version import Manifest
from schemas.prediction import Prediction
from schemas.question import Question


class Readable(Parsed, frozen=True, kw_only=True):
    """One text cut into words."""

    text: str
    """The original."""
    words: tuple[Word, ...]
    """Where each word that is read is in it; none in a text without any."""


class SummaryAnswerer:
    """Answers with a summary."""

    arrays = 2

    def __init__(self, manifest: Manifest, tokenizer: WordTokenizer, network: Any) -> None:
        architecture = catalog.read(manifest.architecture)
        self._head = cast(SummarizationConfig, architecture.head)
        self._tokenizer, self._limit = tokenizer, manifest.max_length
        self._features = catalog.of_tokens(architecture.encoder).features
        self._capital = "en" in manifest.languages
        self.run = traced(self.read, network)

    @staticmethod
    def load(path: Path) -> WordTokenizer:
        """Read the tokenizer of a version."""
        return WordTokenizer.load(path)

    def read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        """Return the words [rows, longest] of the summaries and their scores [rows]."""
        return tuple(decode(network, ids, self._head))

    def parse(self, questions: Sequence[Question]) -> list[Readable]:
        """Cut into words and number them; a text without any is one unknown word."""
        return [self._readable(one.text, self._tokenizer.split(one.text)) for one in questions]

    def stitch(self, outputs: Sequence[Any], parsed: Readable) -> Sequence[Any]:
        """Return the outputs of the first window; there is one only."""
        return [output[:1] for output in outputs]

    def decode(self, outputs: Sequence[Any], parsed: Sequence[Readable]) -> list[Prediction]:
        """Return the summary of each text and its score."""
        rows = zip(parsed, *(output.tolist() for output in outputs), strict=True)
        return [
            Prediction(
                tokens=one.tokens,
                summary=self._spelt(one, numbers) if one.words else "",
                score=round(score, 6) if one.words else 0.0,
                truncated=one.truncated,
            )
            for one, numbers, score in rows
        ]

    def agree(self, one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
        """Whether length, cut and summary are the same, and the score nearly so."""
        outlines = [(each.tokens, each.truncated, each.summary) for each in (one, other)]
        return outlines[0] == outlines[1] and (
            abs((one.score or 0) - (other.score or 0)) <= tolerance
        )

    def _readable(self, text: str, words: Sequence[Word]) -> Readable:
        seen = tuple(words[: self._limit])
        return Readable(
            ids=read(seen, self._tokenizer, self._features),
            tokens=max(1, len(words)),
            truncated=len(words) > self._limit,
            text=text,
            words=seen,
        )

    def _spelt(self, one: Readable, numbers: Sequence[int]) -> str:
        there = list(zip(one.ids[:, -1].tolist(), one.words, strict=False))
        spelling = {number: one.text[word.start : word.end] for number, word in reversed(there)}
        said = [number for number in numbers if number]
        words = [spelling.get(number) or self._tokenizer.form(number) for number in said]
        summary = join(words, gaps(one.words))
        return summary[:1].upper() + summary[1:] if self._capital else summary
