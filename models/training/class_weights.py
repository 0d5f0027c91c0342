"""How much an example of each label weighs in the loss, as a recipe says it.

A network that learns from a thousand texts of one label and ten of another may leave the second
out and still be right nearly always. With weights, its few texts pull as hard as the many.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SettingsError

ClassWeights = Literal["balanced"] | Mapping[str, float]


def weights_of(
    wanted: ClassWeights, labels: Sequence[str], gold: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return the weight of each label, float32 [labels].

    `gold` holds the label number of every training example. "balanced" gives every label the same
    sum over the examples, and the examples a mean weight of 1: examples / (labels * examples of the
    label), King & Zeng 2001. In a table a label that is not named weighs 1.

    Raises SettingsError where a table names a label that no training example has.
    """
    if wanted == "balanced":
        counts = np.bincount(gold, minlength=len(labels))
        return (len(gold) / (len(labels) * counts)).astype(np.float32)
    if unknown := sorted(set(wanted) - set(labels)):
        raise SettingsError(
            f"[fit] class_weights: {', '.join(map(repr, unknown))} is no label of the training "
            "texts: mend the name or leave it out"
        )
    return np.array([wanted.get(label, 1.0) for label in labels], np.float32)
