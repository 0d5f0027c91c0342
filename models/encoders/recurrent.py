"""Recurrent encoders: states that read token after token, in one direction or both.

Simple RNN (Elman 1990), LSTM (Hochreiter & Schmidhuber 1997), GRU (Cho et al. 2014); bidirectional
after Graves & Schmidhuber 2005.

A token's vector is that of its id beside those of its hashed features, if the input has any: ids
come as [batch, length], or as [batch, length, columns] whose first column is the id. The layers
read the vectors one by one and keep a state.

**Padding never changes an answer.** A padded step leaves the state as it was, and the backward
direction, which meets the padding first, is still in its first state when it comes to the last real
token. A row of padding alone counts its first position as real, because the fused kernels of some
devices refuse an empty row.
"""

from typing import Any, Literal

import keras
import msgspec
from keras import ops

from models.text.features import FeatureConfig

_LAYERS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


class RecurrentConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="recurrent"
):
    """What a recurrent encoder needs to be built again."""

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    length: int = 512
    """Longest text in tokens."""
    embedding: int = 128
    """Size of a token's vector."""
    units: int = 128
    """Size of the state, of each direction."""
    layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.5
    """Share of vector components dropped in training, before, between and after the layers."""
    features: FeatureConfig = FeatureConfig()
    """Hashed columns beside the id; tagging only."""


def encode(ids: Any, vocabulary: int, config: RecurrentConfig) -> Any:
    """Build the encoder of whole texts: ids int32 [batch, length] -> features [batch, width].

    The features are the mean and the greatest value of every component over the real tokens.
    """
    states = encode_tokens(ids, vocabulary, config)
    real = ops.cast(ops.expand_dims(_mask(ids), -1), states.dtype)
    mean = ops.sum(states * real, axis=1) / ops.sum(real, axis=1)
    return ops.concatenate([mean, ops.max(states * real - 1e4 * (1 - real), axis=1)], axis=-1)


def encode_tokens(ids: Any, vocabulary: int, config: RecurrentConfig) -> Any:
    """Build the encoder of tokens: ids as above -> features [batch, length, width]."""
    mask = _mask(ids)
    vectors = _embed(ids, vocabulary, config)
    for number in range(config.layers):
        vectors = keras.layers.Dropout(config.dropout, name=f"dropout_{number}")(vectors)
        layer = _LAYERS[config.cell](config.units, return_sequences=True, name=f"cell_{number}")
        if config.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"layer_{number}")
        vectors = layer(vectors, mask=mask)
    return keras.layers.Dropout(config.dropout, name="encoder_dropout")(vectors)


def _mask(ids: Any) -> Any:
    """Return bool [batch, length]: real tokens, and the first position in any case."""
    first = ids[..., 0] if len(ids.shape) == 3 else ids
    positions = ops.cumsum(ops.ones_like(first), axis=1)
    return ops.logical_or(ops.not_equal(first, 0), ops.equal(positions, 1))


def _embed(ids: Any, vocabulary: int, config: RecurrentConfig) -> Any:
    embed = keras.layers.Embedding(vocabulary, config.embedding, name="tokens")
    if len(ids.shape) == 2:
        return embed(ids)
    vectors, features = embed(ids[..., 0]), config.features
    if not features.hashed:
        return vectors
    table = keras.layers.Embedding(features.buckets, features.embedding, name="features")
    shape = (None, None, features.hashed, 1)
    drop = keras.layers.Dropout(features.dropout, noise_shape=shape, name="features_dropout")
    width = features.hashed * features.embedding
    flat = keras.layers.Reshape((-1, width), name="flat")(drop(table(ids[..., 1:])))
    return ops.concatenate([vectors, flat], axis=-1)
