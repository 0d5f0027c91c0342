"""Learning to write summaries: the next word, given the right ones before it.

The loss is the mean negative log probability of every word and of the end, smoothed over the
vocabulary (Szegedy et al. 2016). What a dev text scores is ROUGE-L of the summary that the beam
search really writes, because a model that predicts the next word well may still write badly. To
write every training text at every step would cost more than learning it, so no score but the loss
is reported of those.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from models.heads.summarization import SummarizationConfig, counted, decode, teach
from models.text.tokenizer import PAD
from models.training.objectives import Decided
from models.training.rouge import rouge_of_units


class Writing:
    """One summary a text; labels int32 [batch, words], extended numbers, 0 behind the last."""

    metric = "rouge_l"

    def __init__(self, head: SummarizationConfig, smoothing: float) -> None:
        self._head, self._smoothing = head, smoothing

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the smoothed negative log probability, by word."""
        gained, every, counts = teach(network, ids, output, labels)
        smooth = (1 - self._smoothing) * gained + self._smoothing * every
        return -tf.reduce_sum(smooth * counts) / self.count(ids, labels)

    def count(self, ids: Any, labels: Any) -> Any:
        """Return the number of words that are learnt."""
        return tf.reduce_sum(counted(labels))

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return no words, int32 [batch, 0]."""
        return tf.zeros([tf.shape(ids)[0], 0], tf.int32)

    def decide(self, network: Any, ids: Any) -> Any:
        """Return the summaries that the beam search finds, int32 [batch, longest]."""
        return decode(network, ids, self._head).words

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return mean ROUGE F1 over words of the vocabulary; nothing where nothing was written."""
        rows = [
            rouge_of_units(_words(said), _words(right))
            for batch, written in decided
            for right, said in zip(batch.labels, written, strict=True)
            if written.shape[1]
        ]
        if not rows:
            return {}
        return {"rouge_1": _mean(rows, 0), "rouge_2": _mean(rows, 1), "rouge_l": _mean(rows, 2)}


def _words(numbers: Any) -> list[str]:
    return [str(number) for number in numbers.tolist() if number != PAD]


def _mean(rows: Any, column: int) -> float:
    return float(np.mean([row[column] for row in rows]))
