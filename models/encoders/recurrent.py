"""Recurrent encoders: states that read token after token, in one direction or both.

Simple RNN (Elman 1990), LSTM (Hochreiter & Schmidhuber 1997), GRU (Cho et al. 2014); bidirectional
after Graves & Schmidhuber 2005.

A token's vector is that of its id beside those of its hashed features, if the input has any. The
layers read the vectors one by one and keep a state.

**Padding never changes an answer.** A padded step leaves the state as it was, and the backward
direction, which meets the padding first, is still in its first state when it comes to the last real
token.
"""

from typing import Any, Literal

import keras
import msgspec

from models.layers import ends
from models.layers.embedding import embed, mask_of, pool
from models.text.features import FeatureConfig

_LAYERS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


class CellsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What recurrent layers need to be built again."""

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    units: int = 128
    """Size of the state, of each direction."""
    layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.5
    """Share of vector components dropped in training, before, between and after the layers."""


class RecurrentConfig(
    CellsConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="recurrent"
):
    """What a recurrent encoder needs to be built again."""

    length: int = 512
    """Longest text in tokens."""
    embedding: int = 128
    """Size of a token's vector."""
    features: FeatureConfig = FeatureConfig()
    """Hashed columns beside the id."""
    exits: tuple[int, ...] = ()
    """Layers, 1 being the first, behind which a head answers texts that are easy (`models.exits`);
    of a classifier alone. Empty: all texts go through all layers."""

    def __post_init__(self) -> None:
        """Check what no later error would name."""
        ends.check(self.exits, self.layers)


def encode(ids: Any, vocabulary: int, config: RecurrentConfig) -> Any:
    """Build the encoder of whole texts: ids int32 [batch, length] -> features [batch, width].

    The features are the mean and the greatest value of every component over the real tokens.
    """
    return pool(encode_tokens(ids, vocabulary, config), mask_of(ids))


def encode_tokens(ids: Any, vocabulary: int, config: RecurrentConfig) -> Any:
    """Build the encoder of tokens: ids as above -> features [batch, length, width]."""
    vectors = embed(ids, vocabulary, config.embedding, config.features)
    return states(vectors, mask_of(ids), config)


def encode_ends(ids: Any, vocabulary: int, config: RecurrentConfig) -> list[Any]:
    """Build the features [batch, length, width] behind each exit, and behind the last layer."""
    vectors = embed(ids, vocabulary, config.embedding, config.features)
    layers = _layers(vectors, mask_of(ids), config, "", config.exits)
    last = keras.layers.Dropout(config.dropout, name="encoder_dropout")(layers[-1])
    return [*(layers[one - 1] for one in config.exits), last]


def states(vectors: Any, mask: Any, config: CellsConfig, *, prefix: str = "") -> Any:
    """Build the layers: vectors [batch, length, any] -> states [batch, length, width].

    `mask` is bool [batch, length]; `prefix` begins the names of the layers.
    """
    last = _layers(vectors, mask, config, prefix, ())[-1]
    return keras.layers.Dropout(config.dropout, name=f"{prefix}encoder_dropout")(last)


def _layers(
    vectors: Any, mask: Any, config: CellsConfig, prefix: str, exits: tuple[int, ...]
) -> list[Any]:
    """Return the states [batch, length, width] behind each layer."""
    found = []
    for number in range(config.layers):
        vectors = keras.layers.Dropout(config.dropout, name=f"{prefix}dropout_{number}")(vectors)
        name = f"{prefix}cell_{number}"
        layer = _LAYERS[config.cell](config.units, return_sequences=True, name=name)
        if config.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"{prefix}layer_{number}")
        vectors = ends.marked(layer(vectors, mask=mask), number + 1, exits)
        found.append(vectors)
    return found
