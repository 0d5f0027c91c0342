"""The training loop: batches in, the best weights out.

Adam with decoupled weight decay (Loshchilov & Hutter 2019) along a cosine; what is scored and kept
is a moving average of the weights (Polyak & Juditsky 1992), which is steadier than the last step.
After every epoch the dev texts are scored, and the best weights so far are kept; `patience` epochs
without a better score end it. What is learnt, decided and scored is the `Objective`'s matter. The
order of the texts depends on the seed and the epoch alone, and a checkpoint holds every number of
network and optimiser, so a resumed run continues where it was.

The loop prints nothing: an `Observer` is told of steps, reports and epochs.
"""

from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.training import batches
from models.training.batches import Batch, Encoded
from models.training.checkpoint import Checkpoint, Progress
from models.training.config import FitConfig
from models.training.objectives import Objective

SCORE_ROWS = 256


class Observer(Protocol):
    """Who is told how a training goes."""

    def step(self, done: int, total: int) -> None:
        """One batch was learnt; counts are steps of the whole training."""

    def report(self, row: dict[str, float]) -> None:
        """Loss and scores over the steps since the last report (`split` is training), or of dev."""


class Trainer:
    """One training of one network; made, run once, thrown away."""

    def __init__(
        self, network: Any, objective: Objective, config: FitConfig, examples: int
    ) -> None:
        self._network, self._objective, self._config = network, objective, config
        self._total = -(-examples // config.batch_size) * config.epochs
        self._optimizer = _optimizer(config, self._total)
        self._optimizer.build(network.trainable_variables)
        ids = tf.TensorSpec(network.input_shape, tf.int32)
        labels = tf.TensorSpec(objective.shape, tf.int32)
        self._learn = tf.function(self._step, input_signature=[ids, labels])
        self._infer = tf.function(lambda ids: objective.decide(network, ids), input_signature=[ids])

    def run(self, train: Encoded, dev: Encoded, folder: Path, observer: Observer) -> Progress:
        """Train until the last epoch or out of patience; the network ends with the best weights."""
        checkpoint = Checkpoint(folder)
        progress = checkpoint.restore(self._state()) or Progress(metric=self._objective.metric)
        while not self._finished(progress):
            self._epoch(train, progress, observer)
            kept = self._network.get_weights()
            self._take_average()
            row = {"epoch": progress.epochs, **self.score(dev)}
            progress.dev.append(row)
            observer.report(row)
            if progress.best_epoch == progress.epochs:
                checkpoint.keep_best(self._network.get_weights())
            self._network.set_weights(kept)
            checkpoint.save(self._state(), progress)
        self._network.set_weights(checkpoint.best())
        return progress

    def score(self, data: Encoded) -> dict[str, float]:
        """Return the scores of the network as it is."""
        return self._objective.scores(
            [
                (batch, self._infer(tf.convert_to_tensor(batch.ids)).numpy())
                for batch in batches.by_length(data, SCORE_ROWS)
            ]
        )

    def _finished(self, progress: Progress) -> bool:
        waited = progress.epochs - progress.best_epoch
        return progress.epochs >= self._config.epochs or waited >= self._config.patience

    def _epoch(self, train: Encoded, progress: Progress, observer: Observer) -> None:
        random = np.random.default_rng((self._config.seed, progress.epochs))
        window: list[tuple[float, Batch, NDArray[np.int64]]] = []
        for batch in batches.shuffled(train, self._config.batch_size, random):
            ids = batches.hide(batch.ids, self._config.hide_tokens, random)
            loss, predicted = self._learn(*map(tf.convert_to_tensor, (ids, batch.labels)))
            window.append((float(loss), batch, predicted.numpy()))
            progress.steps += 1
            observer.step(progress.steps, self._total)
            if progress.steps % self._config.report_every == 0:
                row = self._summary(progress.steps, window)
                progress.train.append(row)
                observer.report(row)
                window = []
        progress.epochs += 1

    def _summary(self, step: int, window: list[Any]) -> dict[str, float]:
        loss = float(np.mean([loss for loss, _, _ in window]))
        learnt = self._objective.scores([(batch, guesses) for _, batch, guesses in window])
        return {"step": step, "loss": loss, **learnt}

    def _step(self, ids: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            output = self._network(ids, training=True)
            loss = self._objective.loss(self._network, ids, output, labels)
        variables = self._network.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        return loss, tf.argmax(output, axis=-1)

    def _take_average(self) -> None:
        if self._config.average:
            self._optimizer.finalize_variable_values(self._network.trainable_variables)

    def _state(self) -> list[Any]:
        return [*self._network.variables, *self._optimizer.variables]


def _optimizer(config: FitConfig, steps: int) -> Any:
    return keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(config.learning_rate, steps),
        weight_decay=config.weight_decay,
        global_clipnorm=config.clip_norm,
        use_ema=config.average > 0,
        ema_momentum=config.average or 0.99,
    )
