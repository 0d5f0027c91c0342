"""Weights of at most 255 values a row, in the file that every version has: a quarter of float32.

Each row of a table or kernel (its last axis) is rounded to whole steps of its own, as int8 is, and
a step is a power of two. So float16 holds the values exactly, what has to be told apart is 7 to 8
bits a number, and a packer finds that out: the file is an ordinary one of float16, that Keras reads
as ever, and nothing but its bytes and the last digits of its weights is changed.

The weights of `intent-en`, in parts of float32: 0.26 with LZMA, 0.25 with bzip2, 0.31 with deflate;
float16 alone 0.50. Biases, norms and other small arrays stay as they are.
"""

from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_BZIP2

import keras
import numpy as np
from numpy.typing import NDArray

from models import catalog
from models.compression import sparsity
from models.live_model import USUAL, LiveModel

_BOUND: Final = 127
_LEAST: Final = 2.0**-24
"""The smallest step, as float16 has no smaller numbers."""


def rounded(weight: NDArray[Any]) -> NDArray[np.float32]:
    """Return an array whose rows have each at most 255 values, all of which float16 holds."""
    if weight.ndim < 2 or weight.size < sparsity.LEAST:
        return np.asarray(weight, np.float32)
    greatest = np.abs(weight).max(axis=-1, keepdims=True)
    steps = np.exp2(np.ceil(np.log2(np.maximum(greatest / _BOUND, _LEAST))))
    return np.asarray(np.rint(weight / steps) * steps, np.float32)


def of(model: LiveModel) -> LiveModel:
    """Return the same version with rounded weights, as `write` stores them."""
    network = catalog.twin(model.network, catalog.read(model.manifest.architecture), "float32")
    network.set_weights([_stored(rounded(one)) for one in network.get_weights()])
    return model.with_network(network, USUAL)


def write(model: LiveModel, path: Path) -> None:
    """Write the weights of such a version to a `.keras` file."""
    twin: keras.Model = catalog.twin(
        model.network, catalog.read(model.manifest.architecture), "float16"
    )
    twin.save(path)
    sparsity.pack(path, ZIP_BZIP2)


def _stored(weight: NDArray[Any]) -> NDArray[np.float32]:
    return weight.astype(np.float16).astype(np.float32)
