"""How fast each part learns when an encoder comes from another version (Howard & Ruder 2018).

The parts are the head, the encoder's layers from the last to the first, and the embeddings. Three
ways, and they combine:

    freeze     these parts of the encoder stay as the parent left them, bit by bit
    gradual    in the first epoch the head alone learns, and one more part each epoch
    factor     each part learns at the rate of the one above it, divided by this

A rate belongs to a part and an epoch alone, so a resumed training goes on as it would have.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from models import catalog
from models.training.config import Config, FitConfig, TransferConfig

EMBEDDINGS, HEAD, ENCODER = "embeddings", "head", "encoder"
_BLOCK = re.compile(r"(?:layer|cell)_(\d+)")


class Pace:
    """The rates of a network's variables, each a factor of the training's learning rate."""

    def __init__(self, parts: Mapping[str, Sequence[Any]], config: TransferConfig) -> None:
        """Take the layers of each part, the head first; those of frozen parts are set so."""
        self._config = config
        self._rates = [tf.Variable(1.0, trainable=False) for _ in parts]
        self._part = {
            variable.path: number
            for number, layers in enumerate(parts.values())
            for layer in layers
            for variable in layer.variables
        }
        for name, layers in parts.items():
            if name in config.freeze or (ENCODER in config.freeze and name != HEAD):
                for layer in layers:
                    layer.trainable = False
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Set the rates of an epoch, counted from 0."""
        for part, rate in enumerate(self._rates):
            rate.assign(self.rate(part, epoch))

    def rate(self, part: int, epoch: int) -> float:
        """Return the factor of a part, counted from the head, in an epoch, counted from 0."""
        if self._config.gradual and part > epoch:
            return 0.0
        return float(self._config.factor**-part)

    def of(self, variables: Sequence[Any]) -> list[Any]:
        """Return the rate of each variable, a scalar that `begin` changes."""
        return [self._rates[self._part[variable.path]] for variable in variables]


def pace_of(network: Any, config: Config) -> Pace | None:
    """Return the pace that a recipe wants; None where everything learns alike."""
    if config.transfer == TransferConfig():
        return None
    return Pace(parts_of(network, config.encoder), config.transfer)


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


def parts_of(network: Any, encoder: catalog.EncoderConfig) -> dict[str, list[Any]]:
    """Return the layers that have weights, by part: the head, then as `names` has them."""
    part = _parts(encoder)
    parts: dict[str, list[Any]] = {name: [] for name in (HEAD, *names(encoder))}
    for layer in network.layers:
        if layer.weights:
            parts[part.get(layer.name, HEAD)].append(layer)
    return parts


def names(encoder: catalog.EncoderConfig) -> list[str]:
    """Return the names of the encoder's parts, the last layer first, the embeddings last."""
    return list(dict.fromkeys(_parts(encoder).values()))[::-1]


def _parts(encoder: catalog.EncoderConfig) -> dict[str, str]:
    """Return the part of each layer of an encoder.

    What stands before the first numbered layer belongs to the embeddings, what follows a numbered
    one to it. An encoder without numbered layers has one, `layer_0`.
    """
    layers = catalog.encoder_layers(encoder)
    numbered = [name for name in layers if _BLOCK.match(name)]
    parts: dict[str, str] = {}
    part = EMBEDDINGS if numbered else "layer_0"
    for name, layer in layers.items():
        if block := _BLOCK.match(name):
            part = f"layer_{block[1]}"
        parts[name] = EMBEDDINGS if isinstance(layer, keras.layers.Embedding) else part
    return parts
