"""How fast each layer learns when an encoder comes from another version (Howard & Ruder 2018).

The layers stand in groups, from the head down to the embeddings. Three ways, and they combine:

    frozen            the head learns, the encoder stays as the parent left it, bit by bit
    gradual           in the first epoch the head alone learns, and one more group each epoch
    discriminative    each group learns at the rate of the one above it, divided by a factor

A rate belongs to a group and an epoch alone, so a resumed training goes on as it would have.
"""

import re
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from models import catalog
from models.training.config import Config, FitConfig, TransferConfig

_BLOCK = re.compile(r"(?:layer|cell)_(\d+)")


class Pace:
    """The rates of a network's variables, each a factor of the training's learning rate."""

    def __init__(self, groups: Sequence[Sequence[Any]], config: TransferConfig) -> None:
        """Take `groups` of layers from the head down; a frozen group is made untrainable."""
        self._config = config
        self._rates = [tf.Variable(1.0, trainable=False) for _ in groups]
        if config.learn == "head":
            for layer in (layer for group in groups[1:] for layer in group):
                layer.trainable = False
        self._group = {
            variable.path: number
            for number, group in enumerate(groups)
            for layer in group
            for variable in layer.variables
        }
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Set the rates of an epoch, counted from 0."""
        for group, rate in enumerate(self._rates):
            rate.assign(self.rate(group, epoch))

    def rate(self, group: int, epoch: int) -> float:
        """Return the factor of a group, counted from the head, in an epoch, counted from 0."""
        if self._config.learn == "gradual" and group > epoch:
            return 0.0
        return float(self._config.factor**-group)

    def of(self, variables: Sequence[Any]) -> list[Any]:
        """Return the rate of each variable, a scalar that `begin` changes."""
        return [self._rates[self._group[variable.path]] for variable in variables]


def pace_of(network: Any, architecture: catalog.Architecture, config: Config) -> Pace | None:
    """Return the pace that a recipe wants; None where everything learns alike."""
    if config.transfer == TransferConfig():
        return None
    return Pace(groups_of(network, architecture), config.transfer)


class PacedAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras ships no types
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) and a rate for each variable.

    A gradient cannot carry the rate, because Adam divides by the gradient's own size.
    """

    def __init__(self, rate: Any, config: FitConfig, rates: Sequence[Any], **how: Any) -> None:
        super().__init__(rate, **how)
        self._decay, self._rates = config.weight_decay, tuple(rates)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; at a rate of 0 it keeps its bits."""
        rate = learning_rate * self._rates[self._get_variable_index(variable)]
        self.assign_sub(variable, variable * self._decay * rate)
        super().update_step(gradient, variable, rate)


def groups_of(network: Any, architecture: catalog.Architecture) -> list[list[Any]]:
    """Return the layers that have weights in groups: the head, the encoder's blocks from the last
    to the first, its embeddings.

    What stands before the first block belongs to the embeddings, what follows the last to it. An
    encoder without numbered blocks is one.
    """
    encoder = catalog.encoder_layers(architecture)
    layers = {layer.name: layer for layer in network.layers if layer.weights}
    inside = [name for name in encoder if name in layers]
    blocks = {name: int(found[1]) for name in inside if (found := _BLOCK.match(name))}
    first, last = min(blocks.values(), default=0), max(blocks.values(), default=0)
    numbers: dict[str, int] = {}
    for place, name in enumerate(inside):
        below = any(later in blocks for later in inside[place:])
        embedding = isinstance(layers[name], keras.layers.Embedding)
        lowest = embedding or (below and name not in blocks)
        numbers[name] = first - 1 if lowest else blocks.get(name, last)
    head = [layer for name, layer in layers.items() if name not in numbers]
    wanted = sorted(set(numbers.values()), reverse=True)
    return [head, *([layers[name] for name in inside if numbers[name] == at] for at in wanted)]
