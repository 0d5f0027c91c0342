"""Classification and sentiment: one label a text, the softmax of the logits, the five best.

The probabilities of a text longer than the longest input are the mean over its windows, each
weighted by its tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models import catalog
from models.answering import reading
from models.answering.answerer import TOLERANCE, Judged, Parsed
from models.answering.tracing import traced
from models.text.tokenizer import Tokenizer
from models.text.units import Units
from schemas.model_version import Manifest
from schemas.prediction import Prediction
from schemas.question import Question

TOP = 5


class ClassAnswerer:
    """Answers with a label."""

    arrays = 1

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer | Units, network: Any) -> None:
        self._tokenizer = tokenizer
        self._encoder = catalog.read(manifest.architecture).encoder
        self._labels = np.array(manifest.labels, dtype=object)
        self.run = traced(self.read, network)

    @staticmethod
    def load(path: Path) -> Tokenizer:
        """Read the tokenizer of a version."""
        return Tokenizer.load(path)

    def read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        """Return the probabilities [rows, labels]."""
        logits = network(ids, training=False)
        last = logits[-1] if isinstance(logits, list) else logits
        return (tf.nn.softmax(tf.cast(last, tf.float32)),)

    def parse(self, questions: Sequence[Question]) -> list[Parsed]:
        """Normalise and tokenise; an empty text is one unknown token."""
        return reading.parse(questions, self._tokenizer, self._encoder)

    def stitch(self, outputs: Sequence[Any], parsed: Parsed) -> Sequence[Any]:
        """Return the mean probabilities [1, labels] of the windows, weighted by their tokens."""
        weights = [end - start for start, end in parsed.windows]
        return [np.average(outputs[0], axis=0, weights=weights)[None]]

    def decode(self, outputs: Sequence[Any], parsed: Sequence[Parsed]) -> list[Prediction]:
        """Return label, score and the best scores of each text."""
        probabilities = outputs[0]
        top = _best(probabilities)
        labels = self._labels[top].tolist()
        scores = np.take_along_axis(probabilities, top, axis=1).astype(np.float64).round(6).tolist()
        return [
            Prediction(
                tokens=one.tokens,
                label=names[0],
                score=values[0],
                scores=dict(zip(names, values, strict=True)),
                truncated=one.truncated,
            )
            for one, names, values in zip(parsed, labels, scores, strict=True)
        ]

    def judge(self, outputs: Sequence[Any], parsed: Sequence[Parsed]) -> list[Judged]:
        """Decode; as sure as the label is probable."""
        return [Judged(one, one.score or 0.0) for one in self.decode(outputs, parsed)]

    def agree(self, one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
        """Whether length, cut and probabilities are the same."""
        return agree(one, other, tolerance)


def agree(one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
    """Whether two answers to the same text are the same within `tolerance`."""
    if (one.tokens, one.truncated) != (other.tokens, other.truncated):
        return False
    labels = one.scores.keys() | other.scores.keys()
    floor = min((*one.scores.values(), *other.scores.values()), default=0.0)
    return all(
        abs(one.scores.get(label, floor) - other.scores.get(label, floor)) <= tolerance
        for label in labels
    )


def _best(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the numbers [rows, at most TOP] of the most probable labels, best first."""
    classes = probabilities.shape[1]
    if classes <= TOP:
        return np.argsort(-probabilities, axis=1)
    some = np.argpartition(probabilities, classes - TOP, axis=1)[:, classes - TOP :]
    order = np.argsort(-np.take_along_axis(probabilities, some, axis=1), axis=1)
    return np.take_along_axis(some, order, axis=1)
