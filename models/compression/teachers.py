"""What versions believe of texts, each by its own parse, and their features of them.

A teacher is any version with the student's labels, whatever its encoder and its tokenizer. Of a
whole text it has probabilities [labels], of tagged units their marginals [units, labels] under its
CRF. Its features are what its head reads: of a text [width], of units [units, width].
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.answering.answerer import Parsed
from models.answering.classes import ClassAnswerer
from models.answering.spans import SpanAnswerer, Tagged
from models.answering.tracing import traced
from models.heads.tagging import CRF, mask_of
from models.layers import crf
from models.live_model import LiveModel
from models.shapes import plan
from models.text.tags import grammar
from models.training.data import Example
from models.training.tagged import Sentence
from schemas.errors import SettingsError
from schemas.question import Question

CHUNK = 512
"""Texts that are asked together."""
FEATURES = "head_dropout"
"""The layer whose input the head reads."""

Rows = NDArray[np.float32]
Asked = Example | Sentence | str
"""A labelled text, a sentence in its own units, or a raw text."""


class Belief(NamedTuple):
    """Of one text: float32 [labels] and [width], or both with an axis of units before."""

    labels: Rows
    features: Rows


class Teacher:
    """A version that is asked what it believes."""

    def __init__(self, directory: Path, labels: Sequence[str] = ()) -> None:
        """Load a version; its beliefs are in the order of `labels`, by default its own.

        Raises:
            ArtifactError: it is damaged or no version.
            SettingsError: it has other labels, or no beliefs that could be learnt.
        """
        self.model = LiveModel.load(directory)
        if not isinstance(self.model.answerer, ClassAnswerer | SpanAnswerer):
            raise SettingsError(
                f"{directory} is no classifier or tagger of one task: it has no beliefs"
            )
        own = self.model.manifest.labels
        self.labels = tuple(labels) or own
        if sorted(own) != sorted(self.labels):
            raise SettingsError(f"{directory} has other labels than the first teacher")
        self._order = [own.index(label) for label in self.labels]
        network = self.model.network
        features = network.get_layer(FEATURES).input
        self._run = traced(self._read, keras.Model(network.input, [network.output, features]))

    @property
    def width(self) -> int:
        """Size of a vector of features."""
        return int(self.model.network.get_layer(FEATURES).input.shape[-1])

    def believe(self, asked: Iterator[Asked]) -> Iterator[Belief]:
        """Yield what it believes of each text, in their order."""
        while chunk := list(islice(asked, CHUNK)):
            parsed = self._parse(chunk)
            found: dict[int, Belief] = {}
            for shape in plan(list(map(_length, parsed)), grid=self.model.lengths):
                some = [parsed[index] for index in shape.indices]
                ids = self.model.features(some, shape.length, shape.rows).ids
                outputs = [one.numpy() for one in self._run(tf.convert_to_tensor(ids))]
                found.update(zip(shape.indices, self._joined(some, outputs), strict=True))
            yield from (found[number] for number in range(len(chunk)))

    def _parse(self, chunk: Sequence[Asked]) -> list[Any]:
        if isinstance(chunk[0], Sentence):
            sentences = [one.tokens for one in chunk if isinstance(one, Sentence)]
            return cast(list[Any], cast(SpanAnswerer, self.model.answerer).parse_tokens(sentences))
        return self.model.parse(
            [one.question if isinstance(one, Example) else Question(str(one)) for one in chunk]
        )

    def _read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        output, seen = (tf.cast(one, tf.float32) for one in network(ids, training=False))
        if isinstance(self.model.answerer, SpanAnswerer):
            allowed = network.get_layer(CRF).scores(grammar(self.model.manifest.labels))
            believed = crf.marginals(output, mask_of(ids), allowed)
        else:
            believed = tf.nn.softmax(output)
        return tf.gather(believed, self._order, axis=-1), seen

    def _joined(self, parsed: Sequence[Parsed], outputs: Sequence[Rows]) -> Iterator[Belief]:
        """Yield what is believed of each text from the rows of its windows."""
        at = 0
        for one in parsed:
            windows = one.windows or ((0, len(one.ids)),)
            rows = [output[at : at + len(windows)] for output in outputs]
            join = _by_unit if isinstance(one, Tagged) else _mean
            yield Belief(*(join(some, windows) for some in rows))
            at += len(windows)


def _length(parsed: Parsed) -> int:
    return len(parsed.ids)


def _mean(rows: Rows, windows: Sequence[tuple[int, int]]) -> Rows:
    weights = [end - start for start, end in windows]
    return np.average(rows, axis=0, weights=weights).astype(np.float32)


def _by_unit(rows: Rows, windows: Sequence[tuple[int, int]]) -> Rows:
    """Return what is believed of each unit by the first of the windows that it is in."""
    joined = np.zeros((windows[-1][1], rows.shape[-1]), np.float32)
    for row, (start, end) in reversed(list(zip(rows, windows, strict=True))):
        joined[start:end] = row[: end - start]
    return joined
