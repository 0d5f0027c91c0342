"""The training loop: batches in, the best weights out.

After every epoch the dev texts are scored, and the best weights so far are kept; `patience` epochs
without a better score end it. How a batch is learnt is the `Learner`'s matter; what is learnt,
decided and scored is the `Objective`'s. The order of the texts and what is hidden of them depend on
the seed, the epoch and the step alone, and a checkpoint holds every number of network and optimiser
and is written where a report has just been made, so a resumed run continues where it was and ends
with the same bits.

The loop prints nothing: an `Observer` is told of steps, reports and epochs, and all that it is told
goes to TensorBoard's event files too.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from models.training import batches, workspace
from models.training.batches import Batch, Encoded
from models.training.checkpoint import Checkpoint, Progress
from models.training.config import FitConfig
from models.training.events import Events
from models.training.exchange import ALONE, Exchange
from models.training.learner import Learner
from models.training.objectives import Decided, Objective
from models.training.observer import Observer
from models.training.pace import Pace

SCORE_ROWS = 256


class Trainer:
    """One training of one network; made, run once, thrown away."""

    def __init__(
        self,
        network: Any,
        objective: Objective,
        config: FitConfig,
        examples: int,
        pace: Pace | None = None,
        exchange: Exchange = ALONE,
    ) -> None:
        self._objective, self._config, self._pace = objective, config, pace
        self._exchange, self._leads = exchange, exchange.rank == 0
        self._per_epoch = -(-examples // config.batch_size)
        self._total = self._per_epoch * config.epochs
        self._learner = Learner(network, objective, config, self._total, pace, exchange)
        self._window: list[tuple[Any, Batch, Any]] = []

    def run(self, train: Encoded, dev: Encoded, folder: Path, observer: Observer) -> Progress:
        """Train until the last epoch or out of patience; the network ends with the best weights.

        Raises DataError where `folder` holds a checkpoint of something else, or is full.
        """
        checkpoint = Checkpoint(folder)
        progress = self._begin(checkpoint)
        shown = Events(folder / workspace.EVENTS, progress, observer) if self._leads else None
        with shown or nullcontext(observer) as told:
            while not self._finished(progress):
                for _ in self._epoch(train, progress, told):
                    self._save(checkpoint, progress)
                progress.epochs += 1
                if self._leads:
                    self._score_epoch(dev, progress, told, checkpoint)
                progress.dev = self._exchange.tell(progress.dev)
                self._save(checkpoint, progress)
        self._learner.set_weights(checkpoint.best(progress))
        self._exchange.tell([])  # before all have read them, nobody may clear the folder
        return progress

    def decide(self, data: Encoded) -> Decided:
        """Return what the network as it is decides, shortest texts first."""
        return [
            (batch, self._learner.decide(batch)) for batch in batches.by_length(data, SCORE_ROWS)
        ]

    def _begin(self, checkpoint: Checkpoint) -> Progress:
        """Return where the training stands; every process begins with the first one's state."""
        progress = checkpoint.restore(self._learner.state()) if self._leads else None
        if progress is None:
            progress = Progress(metric=self._objective.metric)
        if self._exchange is ALONE:
            return progress
        self._save(checkpoint, progress)
        self._exchange.tell([])
        return progress if self._leads else checkpoint.restore(self._learner.state()) or progress

    def _save(self, checkpoint: Checkpoint, progress: Progress) -> None:
        if self._leads:
            checkpoint.save(self._learner.state(), progress)

    def _finished(self, progress: Progress) -> bool:
        waited = progress.epochs - progress.best_epoch
        return progress.epochs >= self._config.epochs or waited >= self._config.patience

    def _epoch(self, train: Encoded, progress: Progress, observer: Observer) -> Iterator[None]:
        """Learn the rest of an epoch; stop where a checkpoint is due, with nothing unreported."""
        config, done = self._config, progress.steps - progress.epochs * self._per_epoch
        if self._pace is not None:
            self._pace.begin(progress.epochs)
        for batch in batches.epoch(train, config, progress.epochs, done):
            own = self._exchange.share(batch)
            self._window.append((*self._learner.learn(own), own))
            progress.steps += 1
            observer.step(progress.steps, self._total)
            last = progress.steps % self._per_epoch == 0
            due = progress.steps % config.checkpoint_every == 0
            if last or due or len(self._window) == config.report_every:
                self._report(progress, observer)
            if due and not last:
                yield

    def _report(self, progress: Progress, observer: Observer) -> None:
        window, self._window = self._window, []
        row = {
            "step": progress.steps,
            "learning_rate": self._learner.rate(progress.steps),
            "loss": float(np.mean([loss for loss, _, _ in window])),
            **self._objective.scores([(batch, np.asarray(said)) for _, said, batch in window]),
        }
        progress.train.append(row)
        observer.report(row)

    def _score_epoch(
        self, dev: Encoded, progress: Progress, observer: Observer, checkpoint: Checkpoint
    ) -> None:
        learner = self._learner
        latest = learner.weights()
        learner.take_average()
        scores = self._objective.scores(self.decide(dev))
        row = {"epoch": progress.epochs, "step": progress.steps, **scores}
        progress.dev.append(row)
        observer.report(row)
        if progress.best_epoch == progress.epochs:
            checkpoint.keep_best(learner.weights(), progress)
        learner.set_weights(latest)
