"""What a training is after: the loss, the decision and the scores of one kind of head."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.heads import tagging
from models.layers import crf
from models.text.tags import grammar
from models.training.batches import Batch
from models.training.metrics import scores
from models.training.tag_metrics import deciding, tag_scores

_LEAST = (
    1e-6  # probability below which a marginal does not fall, so that its logarithm stays finite
)

Decided = Sequence[tuple[Batch, NDArray[Any]]]
"""Batches, each with the numbers decided for it, in the shape of its labels."""


class Objective(Protocol):
    """What the loop asks of a kind of head."""

    metric: str
    """The dev score that decides which epoch is the best."""

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the mean loss of a batch, a scalar."""

    def count(self, ids: Any, labels: Any) -> Any:
        """Return over how many texts or tokens the loss is the mean, a scalar."""

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the answers that `output`, seen in training, stands for, in the labels' shape."""

    def decide(self, network: Any, ids: Any) -> Any:
        """Return the decided label numbers, in the shape of the labels."""

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return the scores over batches."""


@runtime_checkable
class Believing(Objective, Protocol):
    """What distillation asks beside that."""

    def belief(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the probabilities of the labels, in their shape with an axis more."""

    def disbelief(self, network: Any, ids: Any, output: Any, beliefs: Any, heat: float = 1) -> Any:
        """Return the mean cross entropy of the network's belief against `beliefs`, a scalar.

        Both are softened by the temperature `heat` (`softened`), of which 1 changes nothing.
        """


def softened(beliefs: Any, heat: float) -> Any:
    """Return probabilities as at the temperature `heat`: p ** (1 / heat), made to add up to 1.

    Of a softmax it is the softmax of the logits divided by `heat` (Hinton et al. 2015).
    """
    if heat == 1:
        return beliefs
    powers = beliefs ** (1 / heat)
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


class Labels:
    """One label a text; `weights` float32 [classes], None where all labels weigh the same.

    Accuracy decides which epoch is the best; where labels weigh differently macro F1 does, as
    accuracy would choose the epoch that leaves rare labels out.
    """

    def __init__(
        self, classes: int, smoothing: float, weights: NDArray[np.float32] | None = None
    ) -> None:
        self._classes, self._smoothing = classes, smoothing
        self._weights = np.ones(classes, np.float32) if weights is None else weights
        self.metric = "accuracy" if (self._weights == 1).all() else "macro_f1"

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the cross entropy, with smoothed labels, each text by the weight of its label."""
        target = tf.one_hot(labels, self._classes) * (1 - self._smoothing)
        target += self._smoothing / self._classes
        losses = tf.nn.softmax_cross_entropy_with_logits(target, output)
        return tf.reduce_mean(losses * tf.gather(self._weights, labels))

    def count(self, ids: Any, labels: Any) -> Any:
        """Return the number of texts."""
        return tf.shape(ids)[0]

    def belief(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the softmax [rows, classes]."""
        return tf.nn.softmax(output)

    def disbelief(self, network: Any, ids: Any, output: Any, beliefs: Any, heat: float = 1) -> Any:
        """Return the cross entropy, by text."""
        target = softened(beliefs, heat)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, output / heat))

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the most probable label."""
        return tf.argmax(output, axis=-1)

    def decide(self, network: Any, ids: Any) -> Any:
        """Return the most probable label."""
        return tf.argmax(network(ids, training=False), axis=-1)

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return accuracy and macro precision, recall and F1."""
        gold = np.concatenate([batch.labels for batch, _ in decided])
        predicted = np.concatenate([numbers for _, numbers in decided])
        return scores(gold, predicted, self._classes)


class Tags:
    """One tag a token, learnt as a whole sequence."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.metric = deciding(labels)
        self._labels, self._grammar = labels, grammar(labels)

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the negative log-likelihood of the tags, by token."""
        mask = tagging.mask_of(ids)
        allowed = network.get_layer(tagging.CRF).scores(self._grammar)
        gained = crf.log_likelihood(output, labels, mask, allowed)
        return -tf.reduce_sum(gained) / self.count(ids, labels)

    def count(self, ids: Any, labels: Any) -> Any:
        """Return the number of real tokens."""
        return tf.reduce_sum(tf.cast(tagging.mask_of(ids), tf.float32))

    def belief(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the marginals [rows, length, classes]."""
        allowed = network.get_layer(tagging.CRF).scores(self._grammar)
        return crf.marginals(output, tagging.mask_of(ids), allowed)

    def disbelief(self, network: Any, ids: Any, output: Any, beliefs: Any, heat: float = 1) -> Any:
        """Return the cross entropy of the marginals, by token."""
        real = tf.cast(tagging.mask_of(ids), tf.float32)
        own = tf.maximum(self.belief(network, ids, output), _LEAST)
        logs = tf.math.log(softened(own, heat))
        gained = tf.reduce_sum(softened(beliefs, heat) * logs, -1)
        return -tf.reduce_sum(gained * real) / tf.reduce_sum(real)

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the best sequence of tags."""
        allowed = network.get_layer(tagging.CRF).scores(self._grammar)
        return crf.viterbi(output, tagging.mask_of(ids), allowed)

    def decide(self, network: Any, ids: Any) -> Any:
        """Return the best sequence of tags."""
        return tagging.decode(network, ids, self._grammar).tags

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return the scores of the tags of real tokens."""
        return tag_scores(*self.named(decided), self._labels)

    def named(self, decided: Decided) -> tuple[list[list[str]], list[list[str]]]:
        """Return the right and the decided tags of the real tokens of each sentence."""
        gold: list[list[str]] = []
        predicted: list[list[str]] = []
        for batch, numbers in decided:
            for ids, right, said in zip(batch.ids, batch.labels, numbers, strict=True):
                length = int((ids[:, 0] != 0).sum())
                gold.append([self._labels[number] for number in right[:length]])
                predicted.append([self._labels[number] for number in said[:length]])
        return gold, predicted
