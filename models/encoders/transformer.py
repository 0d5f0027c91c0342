"""Transformer encoder (Vaswani et al. 2017): every token attends to every other, layer by layer.

Token vectors, hashed features included where the input has any, are brought to one width, told
where they stand by sinusoids (which go on beyond any length seen in training), and pass through
layers of multi-head self-attention and a feed-forward network (`models.layers.attention`).

**Padding never changes an answer.** No position attends to padding.
"""

from typing import Any

import keras
import msgspec
from keras import ops

from models.layers import ends
from models.layers.attention import Sinusoids, encoder_layer, norm
from models.layers.embedding import embed, mask_of, pool
from models.text.features import FeatureConfig


class TransformerConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="transformer"
):
    """What a Transformer encoder needs to be built again."""

    length: int = 512
    """Longest text in tokens."""
    embedding: int = 128
    """Size of a token's vector, in all layers; even, and a multiple of `heads`."""
    layers: int = 2
    heads: int = 4
    """Attention heads of a layer."""
    head_size: int | None = None
    """Components of a head; None: `embedding` / `heads`, as before any head was cut out."""
    feed_forward: int = 512
    """Width inside the feed-forward network."""
    dropout: float = 0.1
    """Share of components dropped in training, of the vectors and after each part of a layer."""
    features: FeatureConfig = FeatureConfig()
    """Hashed columns beside the id."""
    exits: tuple[int, ...] = ()
    """Layers, 1 being the first, behind which a head answers texts that are easy (`models.exits`);
    of a classifier alone. Empty: all texts go through all layers."""

    def __post_init__(self) -> None:
        """Check what no later error would name."""
        ends.check(self.exits, self.layers)
        if self.embedding % (1 if self.head_size else self.heads) or self.embedding % 2:
            raise ValueError(
                f"embedding = {self.embedding} must be even and a multiple of heads = {self.heads}"
            )


def encode(ids: Any, vocabulary: int, config: TransformerConfig) -> Any:
    """Build the encoder of whole texts: ids int32 [batch, length] -> features [batch, width].

    The features are the mean and the greatest value of every component over the real tokens.
    """
    return pool(encode_tokens(ids, vocabulary, config), mask_of(ids))


def encode_tokens(ids: Any, vocabulary: int, config: TransformerConfig) -> Any:
    """Build the encoder of tokens: ids as above -> features [batch, length, width]."""
    return norm(_layers(ids, vocabulary, config)[-1], "encoder_norm")


def encode_ends(ids: Any, vocabulary: int, config: TransformerConfig) -> list[Any]:
    """Build the features [batch, length, width] behind each exit, and behind the last layer."""
    states = _layers(ids, vocabulary, config)
    early = [norm(states[one - 1], f"{ends.prefix(one)}norm") for one in config.exits]
    return [*early, norm(states[-1], "encoder_norm")]


def _layers(ids: Any, vocabulary: int, config: TransformerConfig) -> list[Any]:
    """Return the states [batch, length, width] behind each layer."""
    mask, states = mask_of(ids), []
    vectors = embed(ids, vocabulary, config.embedding, config.features)
    if vectors.shape[-1] != config.embedding:
        vectors = keras.layers.Dense(config.embedding, name="width")(vectors)
    positions = ops.cumsum(ops.ones_like(mask, dtype="int32"), axis=1) - 1
    vectors = Sinusoids(name="positions")(vectors * config.embedding**0.5, positions)
    vectors = keras.layers.Dropout(config.dropout, name="embedding_dropout")(vectors)
    for number in range(config.layers):
        vectors = encoder_layer(
            vectors,
            ops.expand_dims(mask, 1),
            heads=config.heads,
            head_size=config.head_size,
            feed_forward=config.feed_forward,
            dropout=config.dropout,
            name=f"layer_{number}",
        )
        vectors = ends.marked(vectors, number + 1, config.exits)
        states.append(vectors)
    return states
