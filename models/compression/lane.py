"""Interpreters of one thread, one for each shape of tile.

An interpreter that meets another shape plans its memory anew, which takes longer than most arrays
do. So each shape has one of its own, made at the warm-up (or when a length is first met), and none
is ever resized. All share the bytes of the file.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.text.tokenizer import Ids
from schemas.errors import ArtifactError

Tile = tuple[Ids, int]
"""Ids [rows, length, …], and the rows of the tile, which further ones fill with padding."""


class Lane:
    """Computes one tile after another; of one thread at a time."""

    def __init__(self, content: bytes, name: str) -> None:
        """`content` of a `.tflite` file that may be run; `name` of the file, for errors."""
        self.kept: dict[tuple[int, ...], Any] = {}
        """Interpreters with the numbers of their input and outputs, by shape."""
        self._content, self._name = content, name

    def run(self, tiles: Sequence[Tile]) -> list[list[NDArray[Any]]]:
        """Return the outputs of each tile; ArtifactError where it cannot be computed."""
        return [self._run(*one) for one in tiles]

    def prepare(self, shape: tuple[int, ...]) -> Any:
        """Return what is kept of a shape, made if it is not there."""
        if shape not in self.kept:
            self.kept[shape] = self._made(shape)
        return self.kept[shape]

    def _run(self, ids: Ids, step: int) -> list[NDArray[Any]]:
        if len(ids) < step:
            ids = np.concatenate([ids, np.zeros((step - len(ids), *ids.shape[1:]), ids.dtype)])
        interpreter, entry, exits = self.prepare(ids.shape)
        interpreter.set_tensor(entry, ids)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise ArtifactError(
                f"{self._name} fails on an array of {ids.shape}: {error}"
            ) from error
        return [interpreter.get_tensor(one) for one in exits]

    def _made(self, shape: tuple[int, ...]) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it moves to a package of its own
                interpreter = tf.lite.Interpreter(model_content=self._content, num_threads=1)
            (entry,) = interpreter.get_input_details()
            interpreter.resize_tensor_input(entry["index"], shape)
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"{self._name} cannot run here: {type(error).__name__}") from error
        if entry["dtype"] is not np.int32:
            raise ArtifactError(f"{self._name} does not read token ids")
        return interpreter, entry["index"], [o["index"] for o in interpreter.get_output_details()]
