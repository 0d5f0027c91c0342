"""One network that learns: forward, loss, gradients, update.

Adam with decoupled weight decay (Loshchilov & Hutter 2019) along a cosine, and a moving average of
the weights (Polyak & Juditsky 1992), which is steadier than the last step and is what is scored.
Losses, softmax and CRF are float32 whatever the network computes in. In float16 small gradients
would vanish, so the loss is scaled up and the gradients down again, by a factor that is halved
whenever a gradient is no longer finite (Micikevicius et al. 2018, dynamic loss scaling); such a
step is passed over.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.training.batches import Batch
from models.training.config import FitConfig
from models.training.exchange import ALONE, Exchange
from models.training.objectives import Objective
from models.training.pace import Pace, PacedAdam


class Learner:
    """A network with its optimiser and its objective."""

    def __init__(
        self,
        network: Any,
        objective: Objective,
        config: FitConfig,
        steps: int,
        pace: Pace | None = None,
        exchange: Exchange = ALONE,
    ) -> None:
        self._exchange = exchange
        self._network, self._objective, self._config = network, objective, config
        self._rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
        learnt = network.trainable_variables
        self._optimizer = _optimizer(config, self._rate, None if pace is None else pace.of(learnt))
        self._optimizer.build(learnt)
        self._learn: Any = None
        self._decide = tf.function(
            lambda ids: objective.decide(network, ids),
            input_signature=[_inputs(network)],
            autograph=False,
        )

    def learn(self, batch: Batch) -> tuple[Any, Any]:
        """Learn one batch, or this process's share of it.

        Return the loss of the whole batch, a scalar, and the answers to the share, both tensors.
        """
        if self._learn is None:
            labels = tf.nest.map_structure(_any_size, batch.labels)
            self._learn = tf.function(
                self._step, input_signature=[_inputs(self._network), labels], autograph=False
            )
        loss, answers = self._learn(*_tensors((batch.ids, batch.labels)))
        return loss, answers

    def decide(self, batch: Batch) -> Any:
        """Return what is decided for a batch, arrays."""
        return tf.nest.map_structure(np.asarray, self._decide(_tensors(batch.ids)))

    def rate(self, step: int) -> float:
        """Return the learning rate at a step."""
        return float(self._rate(step))

    def state(self) -> list[Any]:
        """Return every variable that decides how the training goes on, in a fixed order."""
        return [*self._network.variables, *self._optimizer.variables]

    def weights(self) -> list[NDArray[Any]]:
        """Return the network's weights."""
        return list(self._network.get_weights())

    def set_weights(self, weights: Sequence[NDArray[Any]]) -> None:
        """Set the network's weights."""
        self._network.set_weights(weights)

    def take_average(self) -> None:
        """Put the moving average in the place of the weights, if one is kept."""
        if self._config.average:
            self._optimizer.finalize_variable_values(self._network.trainable_variables)

    def _step(self, ids: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            output = tf.nest.map_structure(_as_float32, self._network(ids, training=True))
            loss = self._objective.loss(self._network, ids, output, labels)
            scaled = self._optimizer.scale_loss(loss)
        variables = self._network.trainable_variables
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        count = self._objective.count(ids, labels)
        loss, *gradients = self._exchange.mean([loss, *gradients], count)
        self._optimizer.apply(gradients, variables)
        return loss, self._objective.guess(self._network, ids, output)


def _optimizer(config: FitConfig, rate: Any, rates: Sequence[Any] | None) -> Any:
    how = {
        "global_clipnorm": config.clip_norm,
        "use_ema": config.average > 0,
        "ema_momentum": config.average or 0.99,
    }
    if rates is None:
        adam = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **how)
    else:
        adam = PacedAdam(rate, config, rates, **how)
    return keras.optimizers.LossScaleOptimizer(adam) if config.precision == "float16" else adam


def _inputs(network: Any) -> Any:
    return tf.nest.map_structure(lambda one: tf.TensorSpec(one.shape, one.dtype), network.input)


def _any_size(array: NDArray[Any]) -> Any:
    return tf.TensorSpec([None] * array.ndim, array.dtype)


def _tensors(arrays: Any) -> Any:
    return tf.nest.map_structure(tf.convert_to_tensor, arrays)


def _as_float32(output: Any) -> Any:
    return tf.cast(output, tf.float32) if output.dtype.is_floating else output
