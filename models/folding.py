"""A TextCNN whose filters are folded into its table of tokens: the same sums, without a product.

A filter of width w over token vectors is the sum over its w places of `vector @ kernel[place]`, and
a vector is a row of the table. So `table @ kernel[place]` can be had beforehand, a table for each
place of each width, and a window's matches are a sum of w rows. The answers are those of the
network but for the order of additions. It costs memory: a number for each token, place and filter.

    width 3, token ids a b c d         matches of the window at a = T0[a] + T1[b] + T2[c]

On two CPU cores, TextCNN at its default size, the mix of `benchmarks.texts`, 4,096 padded tokens an
array: 30,500 texts/s and 54 µs of CPU a text, against 9,100 and 203 as trained. Larger arrays leave
the cache: 21,500 at 8,192. `models.faster` decides where it is used.
"""

from typing import Any, Final

import keras
from keras import ops

from models.catalog import Architecture
from models.encoders.textcnn import TextCNNConfig, hashed_bags
from models.heads.classification import ClassificationConfig, classify

ARRAY_TOKENS: Final = 4096
"""Padded tokens of the arrays that suit a folded network best."""
MOST_BYTES: Final = 64 * 2**20
"""Tables larger than this together are not made: other versions want the memory too."""


def fold(network: Any, architecture: Architecture) -> Any | None:
    """Return a `keras.Model` of the same answers, or None where there is nothing to fold.

    It takes ids int32 [batch, length] and gives logits [batch, classes], as `network` does.
    """
    encoder, head = architecture.encoder, architecture.head
    if not isinstance(encoder, TextCNNConfig) or not isinstance(head, ClassificationConfig):
        return None
    if encoder.features.hashed or _bytes(architecture.vocabulary, encoder) > MOST_BYTES:
        return None
    folded = _build(architecture.vocabulary, architecture.classes, encoder, head)
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights(_weights(network, layer.name))
    return folded


def _bytes(vocabulary: int, encoder: TextCNNConfig) -> int:
    return 4 * vocabulary * sum(encoder.widths) * encoder.filters


def _build(
    vocabulary: int, classes: int, encoder: TextCNNConfig, head: ClassificationConfig
) -> Any:
    ids = keras.Input((None,), dtype="int32", name="ids")
    features = [_strongest(ids, vocabulary, width, encoder.filters) for width in encoder.widths]
    features += hashed_bags(ids, encoder)
    logits = classify(ops.concatenate(features, axis=-1), classes, head)
    return keras.Model(ids, logits, name="folded")


def _strongest(ids: Any, vocabulary: int, width: int, filters: int) -> Any:
    """Return the strongest match [batch, filters] of every filter of one width."""
    padded = ops.pad(ids, ((0, 0), (0, width - 1)))
    rows = [
        keras.layers.Embedding(vocabulary, filters, "zeros", name=f"width_{width}_{place}")(
            padded[:, place : place - width + 1 or None]
        )
        for place in range(width)
    ]
    matches = keras.layers.add(rows) if width > 1 else rows[0]
    return ops.relu(ops.max(matches, axis=1))


def _weights(network: Any, name: str) -> list[Any]:
    """Return the weights of a folded network's layer: products, or those of the same layer."""
    if not name.startswith("width_"):
        return list(network.get_layer(name).get_weights())
    bank, _, place = name.rpartition("_")
    (table,), (kernel,) = (network.get_layer(one).get_weights() for one in ("tokens", bank))
    product = table @ kernel[int(place)]
    product[0] = 0  # padding is a zero vector, whatever its row says
    return [product]
