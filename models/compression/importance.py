"""What the units of a network are worth on labelled texts, from the gradients of its loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.compression.cutting import Group, worth
from models.training import batches
from models.training.batches import Encoded
from models.training.objectives import Objective

ROWS = 32
"""Texts of a batch; a unit's worth is the mean over batches."""
MOST_BATCHES = 200
"""Batches that are looked at, from all over."""


def worths(
    network: Any, objective: Objective, texts: Encoded, groups: Sequence[Group]
) -> list[NDArray[np.float64]]:
    """Return the worth of each group's units on these texts."""
    gradients = _gradients(network, objective)
    weights = weights_of(network)
    total = [np.zeros(group.units) for group in groups]
    drawn = list(batches.by_length(texts, ROWS))
    for batch in drawn[:: -(-len(drawn) // MOST_BATCHES)]:
        found = gradients(batch.ids, batch.labels)
        for sums, group in zip(total, groups, strict=True):
            sums += worth(group, weights, found)
    return total


def weights_of(network: Any) -> dict[str, list[NDArray[Any]]]:
    """Return the weights of each layer that has some, by its name."""
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def _gradients(network: Any, objective: Objective) -> Callable[[Any, Any], Mapping[str, Any]]:
    """Return a function from a batch to the gradients of all weights, by layer."""
    layers = {layer.name: layer.trainable_variables for layer in network.layers if layer.weights}

    @tf.function(reduce_retracing=True, autograph=False)  # type: ignore[untyped-decorator]
    def of(ids: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = objective.loss(network, ids, network(ids, training=False), labels)
        values = {name: [one.value for one in own] for name, own in layers.items()}
        none = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss, values, unconnected_gradients=none)

    def dense(ids: Any, labels: Any) -> Mapping[str, Any]:
        found = of(tf.convert_to_tensor(ids), tf.convert_to_tensor(labels))
        return {name: [_array(one) for one in own] for name, own in found.items()}

    return dense


def _array(gradient: Any) -> NDArray[Any]:
    """Return a gradient as an array; that of a table comes as its rows."""
    return np.asarray(tf.convert_to_tensor(gradient))
