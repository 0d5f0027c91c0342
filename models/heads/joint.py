"""Several heads on one shared encoder of tokens: all answer in the same pass (Caruana 1997).

A branch is a head and, if it has one, an encoder of its own between the shared one and the head:
then the shared encoder gives the context and the branch is a model of its own behind it. A branch
that classifies reads the mean and the greatest value over the tokens (`models.layers.embedding`).

A branch may also be there for training alone, as company that teaches the encoder something; it
answers no task, and the version that is written is without it.
"""

from collections.abc import Sequence
from typing import Any, Self

import msgspec

from models.encoders.recurrent import CellsConfig, states
from models.heads import classification, tagging
from models.layers.embedding import pool
from schemas.task import Task


class BranchConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one branch needs to be built again."""

    name: str
    """Begins the names of its layers."""
    task: Task | None
    """What it answers; None: it is there for training alone."""
    classes: int
    head: classification.ClassificationConfig | tagging.TaggingConfig
    encoder: CellsConfig | None = None
    """Its own layers behind the shared encoder; None: the head reads the shared one."""


class JointConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="joint"
):
    """What the heads of a joint network need to be built again."""

    branches: tuple[BranchConfig, ...]


def branch(features: Any, mask: Any, config: BranchConfig) -> Any:
    """Build a branch: shared features [batch, length, width] -> logits or emissions, by its head.

    `mask` is bool [batch, length]: real tokens.
    """
    if config.encoder is not None:
        features = states(features, mask, config.encoder, prefix=f"{config.name}_")
    if isinstance(config.head, tagging.TaggingConfig):
        return tagging.tag(features, config.classes, config.head, prefix=f"{config.name}_")
    whole = pool(features, mask)
    return classification.classify(whole, config.classes, config.head, prefix=f"{config.name}_")


class Branch:
    """One branch of a joint network, seen as a network of its own."""

    def __init__(self, network: Any, number: int, name: str, outputs: Any = None) -> None:
        self._network, self._number, self._name = network, number, name
        self._outputs = outputs
        self.input_shape = network.input_shape

    def given(self, outputs: Sequence[Any]) -> Self:
        """Return the same with the outputs of a pass that was made already, for all branches."""
        return type(self)(self._network, self._number, self._name, outputs)

    def __call__(self, ids: Any, *, training: bool = False) -> Any:
        """Return the branch's logits or emissions."""
        outputs = self._outputs
        if outputs is None:
            outputs = self._network(ids, training=training)
        return outputs[self._number]

    def get_layer(self, name: str) -> Any:
        """Return a layer of the branch by the name it has in a network of one head."""
        return self._network.get_layer(f"{self._name}_{name}")


def branches(network: Any, config: JointConfig) -> list[Branch]:
    """Return a joint network's branches, in order."""
    return [Branch(network, number, one.name) for number, one in enumerate(config.branches)]
