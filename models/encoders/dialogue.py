"""Dialogue encoder: earlier turns are encoded and remembered, the present turn looks back at them.

Hierarchical, as Serban et al. 2016 and Yang et al. 2016 have it:

    tokens   each turn by itself through Transformer layers; no token sees another turn
    turns    one vector a turn, the mean of its tokens weighted by an attention that is learnt
    memory   a GRU reads the turns one after the other and remembers
    recall   the present turn attends to the tokens of earlier turns, each beside what the memory
             made of its turn, and a gate says how much of memory and recall counts

The result is the present turn's vector beside what the turn means in its dialogue. Ids come as
[batch, length, 2]: the token, and the number of its turn from 1 (`models.text.turns`). A text with
no turn before it finds an empty memory, and has an answer too.

**Padding never changes an answer.** Padding is in no turn, and a turn that a dialogue does not have
is none that the memory reads.
"""

from typing import Any

import keras
import msgspec
from keras import ops

from models.layers.attention import Sinusoids, encoder_layer, norm
from models.layers.embedding import mask_of

_NEVER = -1e9
_ONE_BEFORE = ((0, 0), (1, 0), (0, 0))  # padding: one place more at the beginning


class DialogueConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="dialogue"
):
    """What a dialogue encoder needs to be built again."""

    length: int = 256
    """Most tokens of a text and the turns before it together; the oldest are cut."""
    turns: int = 8
    """Most turns before the text that are read."""
    embedding: int = 128
    """Size of a token's and of a turn's vector; even, and a multiple of `heads`."""
    layers: int = 1
    """Transformer layers that read a turn."""
    heads: int = 4
    """Attention heads, of a layer and of the recall."""
    feed_forward: int = 256
    """Width inside a layer's feed-forward network."""
    memory: int = 128
    """Size of the memory's state."""
    dropout: float = 0.2
    """Share of components dropped in training."""

    def __post_init__(self) -> None:
        """Check what no later error would name."""
        if self.embedding % self.heads or self.embedding % 2:
            raise ValueError(
                f"embedding = {self.embedding} must be even and a multiple of heads = {self.heads}"
            )


def encode(ids: Any, vocabulary: int, config: DialogueConfig) -> Any:
    """Build the encoder: ids int32 [batch, length, 2] -> features [batch, 2 * embedding]."""
    turns = ops.one_hot(ops.maximum(ids[..., 1], 1) - 1, config.turns + 1)
    members = turns * ops.cast(ops.expand_dims(mask_of(ids), -1), turns.dtype)
    present = ops.max(members, axis=1)
    now = present - ops.pad(present[:, 1:], ((0, 0), (0, 1)))
    states = _read(ids[..., 0], members, vocabulary, config)
    spoken = _turns(states, members, config)
    memory = keras.layers.GRU(config.memory, return_sequences=True, name="memory")(
        spoken, mask=present > 0
    )
    current, before = _pick(spoken, now), _pick(ops.pad(memory[:, :-1], _ONE_BEFORE), now)
    recalled = _recall(current, states, memory, members * ops.expand_dims(1 - now, 1), config)
    return _mean(current, [before, recalled], config)


def _read(tokens: Any, members: Any, vocabulary: int, config: DialogueConfig) -> Any:
    """Return the tokens' states [batch, length, embedding]; each turn is read by itself."""
    vectors = keras.layers.Embedding(vocabulary, config.embedding, name="tokens")(tokens)
    place = ops.sum(ops.cumsum(members, axis=1) * members, axis=-1)
    vectors = Sinusoids(name="positions")(vectors * config.embedding**0.5, place)
    vectors = keras.layers.Dropout(config.dropout, name="embedding_dropout")(vectors)
    together = ops.matmul(members, ops.transpose(members, (0, 2, 1))) > 0
    for number in range(config.layers):
        vectors = encoder_layer(
            vectors,
            together,
            heads=config.heads,
            feed_forward=config.feed_forward,
            dropout=config.dropout,
            name=f"layer_{number}",
        )
    return norm(vectors, "token_norm")


def _turns(states: Any, members: Any, config: DialogueConfig) -> Any:
    """Return one vector a turn [batch, turns, embedding], zeros where there is none."""
    keys = keras.layers.Dense(config.embedding, activation="tanh", name="turn_keys")(states)
    scores = keras.layers.Dense(1, use_bias=False, name="turn_scores")(keys)
    owned = ops.transpose(members, (0, 2, 1))
    scores = ops.transpose(ops.cast(scores, "float32"), (0, 2, 1)) + _NEVER * (1 - owned)
    weights = ops.softmax(scores, axis=-1) * owned
    return ops.matmul(ops.cast(weights, states.dtype), states)


def _recall(current: Any, states: Any, memory: Any, earlier: Any, config: DialogueConfig) -> Any:
    """Return what the present turn finds in the earlier ones [batch, embedding].

    A token is remembered as its own state and what the memory made of its turn; beside the tokens
    there is always an empty place to look at.
    """
    told = ops.matmul(ops.cast(earlier, memory.dtype), memory)
    told = keras.layers.Dense(config.embedding, name="told")(told)
    tokens = ops.pad(norm(states + told, "remembered"), _ONE_BEFORE)
    allowed = ops.pad(ops.max(earlier, axis=-1), ((0, 0), (1, 0)), constant_values=1.0) > 0
    size = config.embedding // config.heads
    attend = keras.layers.MultiHeadAttention(config.heads, size, name="recall")
    query, allowed = ops.expand_dims(current, 1), ops.expand_dims(allowed, 1)
    return ops.squeeze(attend(query, tokens, attention_mask=allowed), 1)


def _mean(current: Any, past: list[Any], config: DialogueConfig) -> Any:
    """Return the present turn beside what it means in its dialogue [batch, 2 * embedding]."""
    both = ops.concatenate([current, *past], axis=-1)
    both = keras.layers.Dropout(config.dropout, name="meaning_dropout")(both)
    gate = keras.layers.Dense(config.embedding, activation="sigmoid", name="gate")(both)
    meaning = keras.layers.Dense(config.embedding, activation="tanh", name="meaning")(both)
    return ops.concatenate([current, gate * meaning], axis=-1)


def _pick(turns: Any, one: Any) -> Any:
    """Return the turn [batch, width] of turns [batch, turns, width] that `one` marks with 1."""
    return ops.sum(turns * ops.cast(ops.expand_dims(one, -1), turns.dtype), axis=1)
