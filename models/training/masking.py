"""Masked tokens: which are hidden, what is shown instead, and how well they are guessed.

Of the tokens that the vocabulary knows, each is chosen with probability 0.15. Of the chosen, 80 %
are shown as unknown, 10 % as another token and 10 % as they are, so that the encoder must make
something of every token (Devlin et al. 2019, section 3.1). The other token is drawn from the batch,
with its hashed features. What a neighbour's columns would tell of a chosen token is hidden too.

Ids get a last column more: the token to be guessed, 0 where nothing is asked.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.heads import masked
from models.text.features import FeatureConfig
from models.text.tokenizer import UNKNOWN, Ids
from models.training.batches import Batch
from models.training.objectives import Decided

CHOSEN, SHOWN_UNKNOWN, SHOWN_OTHER = 0.15, 0.8, 0.1


class Masking:
    """Hides tokens of a batch; what is drawn comes from the generator that is passed in."""

    def __init__(self, features: FeatureConfig) -> None:
        self._reach = features.reach

    def __call__(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Return the batch with some of its tokens hidden, and the last column that asks."""
        return batch._replace(ids=self.hide(batch.ids, random))

    def hide(self, ids: Ids, random: np.random.Generator) -> Ids:
        """Return int32 [rows, length, columns + 1] of ids int32 [rows, length, columns]."""
        tokens = ids[..., 0]
        chosen = (random.random(tokens.shape) < CHOSEN) & (tokens > UNKNOWN)
        fate = random.random(tokens.shape)
        shown = ids.copy()
        other = chosen & (fate >= 1 - SHOWN_OTHER)
        shown[other] = random.permutation(ids[tokens > UNKNOWN])[: int(other.sum())]
        for column, reach in enumerate(self._reach, start=1):
            if reach:
                shown[..., column][_near(chosen, reach)] = 0
        hidden = chosen & (fate < SHOWN_UNKNOWN)
        shown[hidden] = 0
        shown[..., 0][hidden] = UNKNOWN
        return np.concatenate([shown, np.where(chosen, tokens, 0)[..., None]], axis=-1)


def _near(chosen: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return the places at most `reach` from a chosen one in the same row."""
    near = chosen.copy()
    for distance in range(1, reach + 1):
        near[:, distance:] |= chosen[:, :-distance]
        near[:, :-distance] |= chosen[:, distance:]
    return near


class Masked:
    """An `Objective`: recover the tokens that ids ask for in their last column.

    Decisions are float32 [rows, length, 2]: the token guessed and the log probability of the right
    one, noughts where nothing is asked.
    """

    metric = "likelihood"

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the mean cross entropy over the tokens that are asked for."""
        _, asked, logits = _asked(network, ids, output)
        lost = tf.nn.sparse_softmax_cross_entropy_with_logits(asked, logits)
        return tf.reduce_sum(lost) / self.count(ids, labels)

    def count(self, ids: Any, labels: Any) -> Any:
        """Return the number of tokens that are asked for; 1 where there is none."""
        return tf.maximum(tf.reduce_sum(tf.cast(ids[..., -1] > 0, tf.float32)), 1.0)

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return what the output decides."""
        places, asked, logits = _asked(network, ids, output)
        right = -tf.nn.sparse_softmax_cross_entropy_with_logits(asked, logits)
        guessed = tf.cast(tf.argmax(logits, axis=-1), tf.float32)
        shape = tf.concat([tf.shape(ids, out_type=tf.int64)[:2], [2]], axis=0)
        return tf.scatter_nd(places, tf.stack([guessed, right], axis=-1), shape)

    def decide(self, network: Any, ids: Any) -> Any:
        """Return what the network decides."""
        return self.guess(network, ids, network(ids, training=False))

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return accuracy, perplexity and its inverse, the right tokens' mean likelihood."""
        asked = [batch.ids[..., -1] for batch, _ in decided]
        gold = np.concatenate([one[one > 0] for one in asked])
        pairs = zip(asked, decided, strict=True)
        said = np.concatenate([answer[one > 0] for one, (_, answer) in pairs])
        surprise = -float(np.mean(said[:, 1])) if len(gold) else 0.0
        accuracy = float(np.mean(said[:, 0] == gold)) if len(gold) else 0.0
        return {
            "accuracy": accuracy,
            "perplexity": float(np.exp(surprise)),
            "likelihood": float(np.exp(-surprise)),
        }


def _asked(network: Any, ids: Any, output: Any) -> tuple[Any, Any, Any]:
    """Return where something is asked [places, 2], what [places], logits [places, vocabulary]."""
    places = tf.where(ids[..., -1] > 0)
    asked = tf.gather_nd(ids[..., -1], places)
    return places, asked, masked.logits(network, tf.gather_nd(output, places))
