"""Joint training: several heads learn on one shared encoder, batch by batch (Caruana 1997).

A batch holds texts of one branch, and batches of all branches follow each other in random order, so
the encoder learns from each in proportion to its examples, or as often as the recipe's `passes`
say. A branch's loss counts with its weight.
Of labels, the first column is the number of the branch; its own labels follow.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.heads.joint import Branch
from models.training.batches import Batch, Encoded
from models.training.objectives import Decided, Objective, Tags
from models.training.spool import Spool

OVERALL = "joint"
"""The dev score that decides: the mean of what decides for each branch that answers, by weight."""


class Part(NamedTuple):
    """One branch in training."""

    name: str
    objective: Objective
    weight: float
    answers: bool
    """Whether the version will have it; only then does it help to decide which epoch is best."""


class Joint:
    """An `Objective` of several branches."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.metric = OVERALL
        self._parts = parts

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the weighted loss of the branch that the batch belongs to."""
        learn = [partial(self._loss, number, network, ids, output, labels) for number in self._all]
        return tf.switch_case(labels[0, 0], learn)

    def count(self, ids: Any, labels: Any) -> Any:
        """Return the number of texts, or of tokens where the branch of the batch tags."""
        counts = [partial(self._count, part, ids, labels) for part in self._parts]
        return tf.switch_case(labels[0, 0], counts)

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return each branch's most probable labels, tags one by one: int32 [rows, columns]."""
        return _packed([tf.argmax(one, axis=-1) for one in output])

    def decide(self, network: Any, ids: Any) -> Any:
        """Return what every branch decides, by one pass: int32 [rows, columns]."""
        seen = self._branches(network, network(ids, training=False))
        pairs = zip(self._parts, seen, strict=True)
        return _packed([part.objective.decide(branch, ids) for part, branch in pairs])

    def scores(self, decided: Decided) -> dict[str, float]:
        """Return each branch's scores after its name, their mean accuracy, and what decides."""
        rows = {
            part.name: part.objective.scores(own)
            for number, part in enumerate(self._parts)
            if (
                own := [self._own(number, *one) for one in decided if one[0].labels[0, 0] == number]
            )
        }
        deciding = [part for part in self._parts if part.answers and part.name in rows]
        named = {f"{name}_{key}": row[key] for name, row in rows.items() for key in row}
        accuracy = float(np.mean([row["accuracy"] for row in rows.values()]))
        overall = sum(rows[part.name][part.objective.metric] * part.weight for part in deciding)
        weight = sum(part.weight for part in deciding)
        return {"accuracy": accuracy, OVERALL: overall / max(weight, 1e-9), **named}

    @property
    def _all(self) -> range:
        return range(len(self._parts))

    def _branches(self, network: Any, output: Any) -> list[Branch]:
        return [
            Branch(network, number, part.name, output) for number, part in enumerate(self._parts)
        ]

    def _loss(self, number: int, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        part, branch = self._parts[number], self._branches(network, output)[number]
        own = _labels(part, labels, tf.shape(ids)[1])
        return part.weight * part.objective.loss(branch, ids, output[number], own)

    def _count(self, part: Part, ids: Any, labels: Any) -> Any:
        own = _labels(part, labels, tf.shape(ids)[1])
        return tf.cast(part.objective.count(ids, own), tf.float32)

    def _own(self, number: int, batch: Batch, numbers: NDArray[Any]) -> tuple[Batch, NDArray[Any]]:
        """Return a batch of one branch as its objective knows it, and what was decided for it."""
        length = batch.ids.shape[1]
        ends = np.cumsum([length if _tags(part) else 1 for part in self._parts])
        own = numbers[:, ends[number - 1] if number else 0 : ends[number]]
        if not _tags(self._parts[number]):
            return batch._replace(labels=batch.labels[:, 1]), own[:, 0]
        return batch._replace(labels=batch.labels[:, 1:]), own


def joined(
    parts: Sequence[Encoded], passes: Sequence[float], folder: Path | None = None
) -> Encoded:
    """Return the texts of all branches, the branch's number in front of the labels of each.

    `passes` is how often an epoch shows the texts of each; `folder` is where they are kept.
    """
    ids = Spool((one for part in parts for one in part.ids), folder)
    labels = (
        np.append(np.int32(number), own) for number, part in enumerate(parts) for own in part.labels
    )
    groups = np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts])
    return Encoded(ids, Spool(labels, folder), groups, tuple(passes))


def _tags(part: Part) -> bool:
    return isinstance(part.objective, Tags)


def _labels(part: Part, labels: Any, length: Any) -> Any:
    """Return a branch's own labels, [rows] or [rows, length]."""
    if not _tags(part):
        return labels[:, 1]
    return tf.pad(labels[:, 1:], ((0, 0), (0, 1)))[:, :length]


def _packed(answers: Sequence[Any]) -> Any:
    columns = [one if len(one.shape) == 2 else one[:, None] for one in answers]
    return tf.concat([tf.cast(one, tf.int32) for one in columns], axis=1)
