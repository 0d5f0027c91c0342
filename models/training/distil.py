"""Distillation: a network learns from several others beside the labels (Hinton et al. 2015).

The teachers have the learner's own recipe and seeds of their own (born-again networks, Furlanello
et al. 2018). What they believe of a batch, on average, is a softer and steadier answer than its
labels, and one network that has learnt it keeps most of what the whole ensemble gains:

    loss = (1 - weight) loss(labels) + weight t^2 cross_entropy(mean belief, learner's belief)

Both beliefs are softened by the temperature t (`objectives.softened`), which tells more of what a
teacher holds possible beside its answer; gradients shrink by t^2, hence the factor.

A teacher is kept, as every network, at the epoch with its best dev score. Teachers see the batch as
the learner does, its hidden tokens hidden, so that a text is never answered by heart.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from models.training.config import Config, DistilConfig
from models.training.courses import Course
from models.training.exchange import Exchange
from models.training.fit import Trainer
from models.training.objectives import Believing, Decided, Objective
from models.training.observer import Observer
from schemas.errors import SettingsError

_APART = 1000
"""Between the seeds of a learner and of its teachers: more than anybody tries one by one."""


def taught(
    course: Course,
    config: Config,
    make: Callable[[int], Any],
    folder: Path,
    observer: Observer,
    exchange: Exchange,
) -> Objective:
    """Train the teachers in folders below `folder`, or go on there; return what is learnt of them.

    `make` gives a network before its first step, for a seed, and whatever else in a tuple. Without
    teachers in the recipe the course's own objective comes back.
    """
    if not config.distil.teachers:
        return course.objective
    if not isinstance(course.objective, Believing):
        raise SettingsError("[distil] does not serve this head: leave it out of the recipe")
    teachers = []
    for number in range(1, config.distil.teachers + 1):
        fit = msgspec.structs.replace(config.fit, seed=config.fit.seed + _APART * number)
        network = make(fit.seed)[0]
        examples = len(course.train.ids)
        trainer = Trainer(network, course.objective, fit, examples, exchange=exchange)
        told = _OfTeacher(number, observer)
        trainer.run(course.train, course.dev, folder / f"teacher-{number}", told)
        teachers.append(network)
    return Taught(course.objective, teachers, config.distil)


def blended(learnt: Any, believed: Any, config: DistilConfig) -> Any:
    """Return the weighted sum of the labels' loss and the cross entropy of softened beliefs."""
    heat = config.temperature
    return (1 - config.weight) * learnt + config.weight * heat * heat * believed


class _OfTeacher:
    """An observer of a teacher's training, who tells another one whose it is."""

    def __init__(self, number: int, observer: Observer) -> None:
        self._number, self._observer = number, observer

    def step(self, done: int, total: int) -> None:
        """See `Observer`."""
        self._observer.step(done, total)

    def report(self, row: dict[str, float]) -> None:
        """See `Observer`."""
        self._observer.report({"teacher": self._number, **row})


class Taught:
    """An `Objective` whose loss also asks for agreement with the teachers."""

    def __init__(self, objective: Believing, teachers: Sequence[Any], config: DistilConfig) -> None:
        self.metric = objective.metric
        self._objective, self._teachers, self._config = objective, teachers, config

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the weighted sum of both losses."""
        learnt = self._objective.loss(network, ids, output, labels)
        heat = self._config.temperature
        believed = self._objective.disbelief(network, ids, output, self._mean_belief(ids), heat)
        return blended(learnt, believed, self._config)

    def count(self, ids: Any, labels: Any) -> Any:
        """See `Objective`."""
        return self._objective.count(ids, labels)

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """See `Objective`."""
        return self._objective.guess(network, ids, output)

    def decide(self, network: Any, ids: Any) -> Any:
        """See `Objective`."""
        return self._objective.decide(network, ids)

    def scores(self, decided: Decided) -> dict[str, float]:
        """See `Objective`."""
        return self._objective.scores(decided)

    def _mean_belief(self, ids: Any) -> Any:
        outputs = [(one, one(ids, training=False)) for one in self._teachers]
        beliefs = [self._objective.belief(one, ids, output) for one, output in outputs]
        return sum(beliefs) / len(beliefs)
