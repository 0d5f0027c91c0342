"""Learning which sentences make a summary: targets from references, and the objective.

A sentence's worth is its mean ROUGE-1, -2 and -L F1 against the nearest reference; a sentence of
the greedy oracle (the sentences that, added one by one, raise the ROUGE of the summary most;
Nallapati et al. 2017, Liu & Lapata 2019) is worth as much as the best. The network's softmax over
sentences learns the softmax of their sharpened worth (NeuSum, Zhou et al. 2018), which tells it of
near misses what a label of 0 and 1 hides.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.heads.extraction import NONE
from models.training.objectives import Decided, softened
from models.training.rouge import rouge_of_units

SCALE = 1000
"""Worth is kept as an integer, in thousandths."""
_SHARPNESS = 20.0


def worths(
    sentences: Sequence[Sequence[str]], references: Sequence[Sequence[str]], most: int
) -> NDArray[np.int32]:
    """Return the worth of each sentence, in thousandths; all texts as ROUGE units.

    `most` is the most sentences of the oracle.
    """
    alone = np.array([_worth(one, references) for one in sentences])
    alone[_oracle(sentences, references, most)] = alone.max()
    return np.round(alone * SCALE).astype(np.int32)


def _oracle(
    sentences: Sequence[Sequence[str]], references: Sequence[Sequence[str]], most: int
) -> list[int]:
    """Return the sentences of the greedy oracle, best first; one at least."""
    chosen: list[int] = []
    reached = -1.0
    while len(chosen) < min(most, len(sentences)):
        trials = {
            number: _worth(
                [unit for at in sorted([*chosen, number]) for unit in sentences[at]], references
            )
            for number in range(len(sentences))
            if number not in chosen
        }
        best = max(trials, key=trials.__getitem__)
        if trials[best] <= reached:
            break
        reached = trials[best]
        chosen.append(best)
    return chosen


def _worth(summary: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    return max(sum(rouge_of_units(summary, reference)) for reference in references) / 3


class Choices:
    """One worth a sentence. The score `rouge` is the mean worth of the sentences chosen alone."""

    def __init__(self) -> None:
        self.metric = "rouge"

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the cross entropy between the worth of sentences and the belief in them."""
        worth = tf.cast(labels[:, : tf.shape(output)[1]], tf.float32) * (_SHARPNESS / SCALE)
        target = tf.nn.softmax(tf.where(output > NONE, worth, NONE))
        return self.disbelief(network, ids, output, target)

    def count(self, ids: Any, labels: Any) -> Any:
        """Return the number of documents."""
        return tf.shape(ids)[0]

    def belief(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the softmax [rows, sentences]."""
        return tf.nn.softmax(output)

    def disbelief(self, network: Any, ids: Any, output: Any, beliefs: Any, heat: float = 1) -> Any:
        """Return the cross entropy, by document."""
        target = softened(beliefs, heat)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, output / heat))

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the sentence believed in most, int [rows]."""
        return tf.argmax(output, axis=-1)

    def decide(self, network: Any, ids: Any) -> Any:
        """Return the sentence believed in most, int [rows]."""
        return tf.argmax(network(ids, training=False), axis=-1)

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return `rouge`, and as accuracy how often the chosen sentence is one of the best."""
        worth = [labels for batch, _ in decided for labels in batch.labels]
        chosen = [int(number) for _, numbers in decided for number in numbers]
        got = np.array([labels[number] for labels, number in zip(worth, chosen, strict=True)])
        best = np.array([labels.max() for labels in worth])
        return {"accuracy": float((got == best).mean()), "rouge": float(got.mean()) / SCALE}
