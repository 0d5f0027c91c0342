"""Magnitude pruning: small weights become 0, so that a version packs smaller; it is no faster.

Of each kernel and table the same share goes, the smallest in amount (Han et al. 2015), and stays 0
while the rest learns on. Biases, norms and the scores of a CRF are few and stay.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import keras
import numpy as np
from numpy.typing import NDArray

LEAST = 1024
"""Weights of fewer numbers are left whole."""


class Kept(keras.constraints.Constraint):  # type: ignore[misc]  # Keras ships no types
    """Sets what was cut to 0 again after each step."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self._mask = mask

    def __call__(self, weight: Any) -> Any:
        """Return the weight without what was cut."""
        return weight * keras.ops.cast(self._mask, weight.dtype)


def mask(weight: NDArray[Any], keep: float) -> NDArray[np.bool_]:
    """Return which numbers stay: the share `keep` that is largest in amount."""
    sizes = np.abs(weight)
    count = max(1, round(keep * weight.size))
    return np.asarray(sizes >= np.partition(sizes.ravel(), -count)[-count])


def thin(network: Any, keep: float) -> None:
    """Set the small weights of a network to 0, and keep them there while it learns."""
    for variable in network.trainable_variables:
        values = np.asarray(variable)
        if values.ndim > 1 and values.size >= LEAST:
            kept = mask(values, keep)
            variable.assign(values * kept)
            variable.constraint = Kept(kept)


def thin_again(network: Any) -> None:
    """Set to 0 what `thin` did; averages over steps are taken before each is put back."""
    for variable in network.trainable_variables:
        if isinstance(variable.constraint, Kept):
            variable.assign(variable.constraint(variable))


def sparsity(weights: Sequence[NDArray[Any]]) -> float:
    """Return the share of noughts among all numbers."""
    noughts = sum(int((one == 0).sum()) for one in weights)
    return noughts / max(1, sum(one.size for one in weights))


def pack(path: Path, method: int = ZIP_DEFLATED) -> None:
    """Write a `.keras` file anew with its members packed; Keras reads it as before."""
    staging = path.with_name(f".{path.name}")
    with ZipFile(path) as loose, ZipFile(staging, "w", method) as tight:
        for member in loose.namelist():
            tight.writestr(member, loose.read(member))
    staging.replace(path)
