"""Learning to write summaries: the next word, given the right ones before it.

The loss is the mean negative log probability of every word and of the end, smoothed over the
vocabulary (Szegedy et al. 2016). What a dev text scores is ROUGE-L of the summary that the beam
search really writes, because a model that predicts the next word well may still write badly. To
write every training text at every step would cost more than learning it, so no score but the loss
is reported of those. Units are those of `models.training.rouge`: in Chinese characters, also of a
word that is one token.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from models.heads.summarization import SummarizationConfig, counted, decode, teach
from models.text.tokenizer import PAD, UNKNOWN
from models.text.words import WordTokenizer
from models.training.objectives import Decided
from models.training.rouge import Rouge, rouge_of_units, units
from schemas.model_version import Language


class Writing:
    """One summary a text; labels int32 [batch, words], extended numbers, 0 behind the last."""

    metric = "rouge_l"

    def __init__(
        self,
        tokenizer: WordTokenizer,
        lang: Language,
        head: SummarizationConfig,
        smoothing: float,
    ) -> None:
        self._tokenizer, self._lang = tokenizer, lang
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
        """Return mean ROUGE F1 and of how many texts; nothing where nothing was written."""
        rows = [
            rouge_of_units(self._units(said), self._units(right))
            for batch, written in decided
            for right, said in zip(batch.labels, written, strict=True)
            if written.shape[1]
        ]
        if not rows:
            return {}
        means = np.mean(rows, axis=0).tolist()
        return {**dict(zip(Rouge._fields, means, strict=True)), "texts": len(rows)}

    def _units(self, numbers: Iterable[int]) -> list[str]:
        """Return what ROUGE counts; a word that the vocabulary does not hold is its number."""
        found: list[str] = []
        for number in numbers:
            if UNKNOWN < number < self._tokenizer.size:
                found += units(self._tokenizer.form(int(number)), self._lang)
            elif number != PAD:
                found.append(f"[{number}]")
        return found
