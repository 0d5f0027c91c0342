"""One tag for every token, and the best sequence of them: a linear layer and a CRF.

The head gives emission scores; the CRF's transition scores live in its layer `crf`, and what may
follow what comes from the tags' names (`models.text.tags`), which the manifest lists, in order.
"""

from typing import Any, NamedTuple

import keras
import msgspec
from keras import ops

from models.layers import crf
from models.text.tags import Grammar

CRF = "crf"


class TaggingConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="tagging"
):
    """What a tagging head needs to be built again."""

    dropout: float = 0.0
    """Share of features dropped before the linear layer, in training only."""


class Tags(NamedTuple):
    """The best tags, int32 [batch, length], and their marginal probabilities, float32."""

    tags: Any
    confidence: Any


def tag(features: Any, classes: int, config: TaggingConfig, *, prefix: str = "") -> Any:
    """Build the head: features [batch, length, width] -> emissions [batch, length, classes].

    `prefix` begins the names of its layers, where a network has several heads.
    """
    kept = keras.layers.Dropout(config.dropout, name=f"{prefix}head_dropout")(features)
    emissions = keras.layers.Dense(classes, name=f"{prefix}emissions")(kept)
    return crf.Transitions(name=f"{prefix}{CRF}")(emissions)


def mask_of(ids: Any) -> Any:
    """Return bool [batch, length]: real tokens of ids [batch, length, columns]."""
    return ops.not_equal(ids[..., 0], 0)


def decode(network: Any, ids: Any, grammar: Grammar) -> Tags:
    """Return the best allowed tags of ids int32 [batch, length, columns], and their confidence."""
    emissions, mask = network(ids, training=False), mask_of(ids)
    scores = network.get_layer(CRF).scores(grammar)
    tags = crf.viterbi(emissions, mask, scores)
    probabilities = crf.marginals(emissions, mask, scores)
    chosen = ops.take_along_axis(probabilities, ops.expand_dims(tags, -1), axis=-1)
    return Tags(tags, ops.squeeze(chosen, -1))
