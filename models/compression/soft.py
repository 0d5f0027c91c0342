"""Learning from beliefs that lie on disk beside the texts, and from hidden states.

A batch's labels are a tuple: the labels, the teachers' mean beliefs, and where hidden states are
matched the teachers' features. Batches of raw texts have the label -1 and learn the rest alone.

    loss = (1 - weight) loss(labels) + weight t^2 cross_entropy(beliefs, own) + hidden distance
    distance = |A x - y|^2 / |y|^2

x are the student's features, y the teachers', side by side, and A is a linear map that is learnt
along and thrown away (as FitNets, Romero et al. 2015, and TinyBERT, Jiao et al. 2020, have it).
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.compression.teachers import FEATURES
from models.training.batches import Batch, hide
from models.training.config import DistilConfig
from models.training.distil import blended
from models.training.objectives import Believing, Decided
from models.training.spool import Spool

NO_LABEL = -1


class Given:
    """Puts beliefs beside the labels of each batch, and hides tokens as a recipe says."""

    def __init__(self, spools: Sequence[Spool], hide_tokens: float) -> None:
        self._spools, self._share = spools, hide_tokens

    def __call__(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Return the batch as it is learnt."""
        beside = [_padded([one[at] for at in batch.indices], batch) for one in self._spools]
        labels: Any = (batch.labels, *beside)
        return batch._replace(ids=hide(batch.ids, self._share, random), labels=labels)


class Soft:
    """An `Objective` over such batches; dev batches have plain labels."""

    def __init__(self, objective: Believing, network: Any, config: DistilConfig) -> None:
        """`network` is the student without the map of its features."""
        self.metric = objective.metric
        self._objective, self._network, self._config = objective, network, config

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the sum above."""
        answer, *mapped = output if isinstance(output, list) else [output]
        hard, beliefs, *features = labels
        labelled = _labelled(hard)
        learnt = self._objective.loss(network, ids, answer, tf.maximum(hard, 0))
        learnt = tf.where(labelled, learnt, 0.0)
        heat = self._config.temperature
        believed = self._objective.disbelief(network, ids, answer, beliefs, heat)
        total = blended(learnt, believed, self._config)
        for one, other in zip(mapped, features, strict=False):
            total += self._config.hidden * _distance(one, other)
        return total

    def count(self, ids: Any, labels: Any) -> Any:
        """See `Objective`."""
        return self._objective.count(ids, labels[0])

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """See `Objective`."""
        answer = output[0] if isinstance(output, list) else output
        return self._objective.guess(network, ids, answer)

    def decide(self, network: Any, ids: Any) -> Any:
        """See `Objective`."""
        return self._objective.decide(self._network, ids)

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return the scores over the batches that have labels; nothing where none has."""
        known = []
        for batch, said in decided:
            given: Any = batch.labels
            labels = given[0] if isinstance(given, tuple) else given
            if labels.flat[0] != NO_LABEL:
                known.append((batch._replace(labels=labels), said))
        return self._objective.scores(known) if known else {}


def matched(network: Any, width: int) -> Any:
    """Return a network that gives its answer and, mapped to `width`, what its head reads."""
    features = network.get_layer(FEATURES).input
    mapped = keras.layers.Dense(width, use_bias=False, dtype="float32", name="match")(features)
    return keras.Model(network.input, [network.output, mapped])


def _labelled(labels: Any) -> Any:
    return tf.reshape(labels, [-1])[0] != NO_LABEL


def _distance(mapped: Any, features: Any) -> Any:
    """Return how far a batch's features lie from the right ones, of which padding is 0."""
    real = tf.cast(tf.reduce_any(features != 0, axis=-1, keepdims=True), tf.float32)
    square = tf.reduce_sum(real * (mapped - features) ** 2)
    return square / tf.maximum(tf.reduce_sum(features**2), 1e-6)


def _padded(rows: Sequence[NDArray[np.int32]], batch: Batch) -> NDArray[np.float32]:
    """Return float32 [rows, …] of spooled rows, those of units padded to the batch's length."""
    floats = [row.view(np.float32) for row in rows]
    if floats[0].ndim == 1:
        return np.stack(floats)
    padded = np.zeros((len(floats), batch.ids.shape[1], floats[0].shape[-1]), np.float32)
    for place, row in zip(padded, floats, strict=True):
        place[: len(row)] = row
    return padded
