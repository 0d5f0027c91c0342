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

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from models.catalog import Architecture
from models.encoders.textcnn import TextCNNConfig, hashed_bags
from models.heads.classification import ClassificationConfig, classify
from models.stored import Stored
from schemas.errors import ArtifactError

MOST_BYTES: Final = 64 * 2**20
"""Tables larger than this together are not made: other versions want the memory too."""
BUILD: Final = "keras-folded"
"""The build of a folded network."""
Layers = Mapping[str, Sequence[Any]]
"""Weights of a network's layers, each layer's in order, by its name."""


def fold(network: Any, architecture: Architecture) -> Any | None:
    """Return a `keras.Model` of the same answers, or None where there is nothing to fold.

    It takes ids int32 [batch, length] and gives logits [batch, classes], as `network` does.
    """
    if not can_fold(architecture):
        return None
    folded, layers = empty(architecture), layers_of(network)
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights(weights(layers, [(layer.name, len(layer.weights))]))
    return folded


def can_fold(architecture: Architecture) -> bool:
    """Whether it is a TextCNN that classifies, whose tables are not too large."""
    encoder, head = architecture.encoder, architecture.head
    if not isinstance(encoder, TextCNNConfig) or not isinstance(head, ClassificationConfig):
        return False
    return not encoder.features.hashed and _bytes(architecture.vocabulary, encoder) <= MOST_BYTES


def _bytes(vocabulary: int, encoder: TextCNNConfig) -> int:
    return 4 * vocabulary * sum(encoder.widths) * encoder.filters


def empty(architecture: Architecture) -> Any:
    """Return a folded `keras.Model` without its numbers, of an architecture that can be folded."""
    encoder = cast(TextCNNConfig, architecture.encoder)
    head = cast(ClassificationConfig, architecture.head)
    ids = keras.Input((None,), dtype="int32", name="ids")
    widths = encoder.widths
    features = [_strongest(ids, architecture.vocabulary, one, encoder.filters) for one in widths]
    features += hashed_bags(ids, encoder)
    logits = classify(ops.concatenate(features, axis=-1), architecture.classes, head)
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


def layers_of(network: Any) -> Layers:
    """Return the weights of a network, or those that were read without one."""
    if isinstance(network, Stored):
        return network.layers
    return {one.name: [weight.value for weight in one.weights] for one in network.layers}


def tables(network: Any, architecture: Architecture) -> dict[str, NDArray[np.float32]]:
    """Return the tables of a network that can be folded, by their layers' names."""
    encoder = cast(TextCNNConfig, architecture.encoder)
    names = [f"width_{width}_{place}" for width in encoder.widths for place in range(width)]
    names += [f"ngram_{n}" for n in encoder.ngrams]
    found = weights(layers_of(network), [(name, 1) for name in names])
    return {name: table.numpy() for name, table in zip(names, found, strict=True)}


def weights(layers: Layers, wanted: Iterable[tuple[str, int]]) -> list[Any]:
    """Return tensors for layers of a folded network, each given by name and number of weights:
    products, or those of the same layer. `layers` are the unfolded network's.

    Raises ArtifactError where a layer is missing or has other weights.
    """
    (table,) = layers["tokens"]
    table = tf.concat([tf.zeros_like(table[:1]), table[1:]], 0)  # padding is a zero vector
    found: list[Any] = []
    for name, count in wanted:
        bank, _, place = name.rpartition("_")
        own = layers.get(bank if name.startswith("width_") else name, ())
        if len(own) != count:
            raise ArtifactError(f"the weights of {name} do not fit the architecture")
        if name.startswith("width_"):
            found.append(tf.linalg.matmul(table, own[0][int(place)]))
        else:
            found += map(tf.convert_to_tensor, own)
    return found
