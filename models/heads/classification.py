"""One label out of a closed set: dropout, then a linear layer. Serves topics, intents, sentiment.

The head gives logits; the probabilities are the softmax of them, taken where they are used (the
loss has its own stable form). It knows nothing of label names: the manifest lists them, in order.
"""

from typing import Any

import keras
import msgspec


class ClassificationConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="classification"
):
    """What a classification head needs to be built again."""

    dropout: float = 0.5
    """Share of features dropped before the linear layer, in training only."""


def classify(features: Any, classes: int, config: ClassificationConfig, *, prefix: str = "") -> Any:
    """Build the head: features [batch, width] -> logits [batch, classes], float32.

    `prefix` begins the names of its layers, where a network has several heads.
    """
    kept = keras.layers.Dropout(config.dropout, name=f"{prefix}head_dropout")(features)
    return keras.layers.Dense(classes, name=f"{prefix}logits")(kept)
