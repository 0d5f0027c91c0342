"""What a network with exits is after: that each of its ends is right, the last one most of all.

The loss is the mean over the ends (as BERxiT and others train them), so the layers before an exit
learn to serve it too.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.training.objectives import Labels


class EndLabels(Labels):
    """One label a text, at every end; what is guessed and decided is said at one of them."""

    def __init__(
        self,
        classes: int,
        smoothing: float,
        weights: NDArray[np.float32] | None = None,
        *,
        watched: int = -1,
    ) -> None:
        """`watched` is the number of the end whose dev score decides which epoch is the best."""
        super().__init__(classes, smoothing, weights)
        self._watched = watched

    def loss(self, network: Any, ids: Any, output: Any, labels: Any) -> Any:
        """Return the mean over the ends."""
        loss = super().loss
        return _mean([loss(network, ids, one, labels) for one in output])

    def belief(self, network: Any, ids: Any, output: Any) -> Any:
        """Return what the last end believes."""
        return super().belief(network, ids, output[-1])

    def disbelief(self, network: Any, ids: Any, output: Any, beliefs: Any, heat: float = 1) -> Any:
        """Return the mean over the ends."""
        disbelief = super().disbelief
        return _mean([disbelief(network, ids, one, beliefs, heat) for one in output])

    def guess(self, network: Any, ids: Any, output: Any) -> Any:
        """Return the most probable label at the end that is watched."""
        return super().guess(network, ids, output[self._watched])

    def decide(self, network: Any, ids: Any) -> Any:
        """Return the most probable label at the end that is watched."""
        return self.guess(network, ids, network(ids, training=False))


def _mean(losses: list[Any]) -> Any:
    return tf.add_n(losses) / len(losses)
