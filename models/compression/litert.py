"""Running a `.tflite` file: tiles of fixed shapes, an interpreter kept for each.

An interpreter that meets another shape plans its memory anew, which takes longer than most arrays
do. So an array is cut into tiles of `STEPS` rows, each shape of tile has an interpreter of its own,
made at the warm-up (or when a length is first met), and none is ever resized. A tile of `TILE`
padded tokens stays in the cache: larger ones took a third longer a token. All share the bytes of
the file.

    17 rows of 16 tokens      tiles of 16 and 1 row
    23 rows of 16 tokens      one of 24, rows 24 are padding: cheaper than three calls

`__call__` may come from any thread; one computes at a time.
"""

import threading
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.answering.tracing import array_of
from models.compression import flatbuffer
from models.compression.unrolled import STRIDE
from models.text.tokenizer import Ids
from schemas.errors import ArtifactError

STEPS: Final = (1, 2, 4, 8, 16, 24, 32, 64)
"""Rows of a tile."""
TILE: Final = 512
"""Padded tokens of a tile at most, but for a single row."""
LOOPED: Final = 2048
"""The same of a network with a loop over tokens, whose turns cost less a row the more there are."""


def tiles(rows: int, length: int, most: int = TILE) -> list[int]:
    """Return the steps that an array of `rows` is cut into, largest first; their sum holds it.

    The last one may reach beyond the rows, where at most a quarter of it is padding. A tile has
    `most` padded tokens, or one row.
    """
    fit = [step for step in STEPS if step == 1 or step * length <= most]
    cut: list[int] = []
    while rows > 0:
        above = next((step for step in fit if step >= rows), fit[-1])
        below = max(step for step in fit if step <= rows)
        cut.append(above if 4 * rows >= 3 * above else below)
        rows -= cut[-1]
    return cut


def stretched(ids: Ids) -> Ids:
    """Return ids whose length is a multiple of `STRIDE`, by padding; the grid's lengths are."""
    lacking = -ids.shape[1] % STRIDE
    if not lacking:
        return ids
    return np.pad(ids, [(0, 0), (0, lacking)] + [(0, 0)] * (ids.ndim - 2))


class LiteRun:
    """A network in LiteRT, called as a traced function is: padded ids to a tuple of arrays."""

    def __init__(self, content: bytes, name: str, threads: int) -> None:
        """
        Args:
            content: of a `.tflite` file; ArtifactError where it is none that may be run.
            name: of the file, for errors.
            threads: that an interpreter may use.
        """
        flatbuffer.check(content, name)
        self.content, self._name, self._threads = content, name, threads
        self._most = LOOPED if "WHILE" in flatbuffer.operations(content) else TILE
        self._kept: dict[tuple[int, ...], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, ids: Any) -> tuple[NDArray[Any], ...]:
        """Return the outputs of ids int32 [rows, length, …], as many rows as given.

        Where they have a length, it is that of `stretched(ids)`.
        """
        given = stretched(array_of(ids))
        parts, start = [], 0
        with self._lock:
            for step in tiles(given.shape[0], given.shape[1], self._most):
                parts.append(self._tile(given[start : start + step], step))
                start += step
        return tuple(np.concatenate(some)[: len(given)] for some in zip(*parts, strict=True))

    def warm_up(self, lengths: Iterable[int], width: Sequence[int]) -> None:
        """Make the interpreters of all tiles of these lengths; `width`: the ids' last axes."""
        with self._lock:
            for length in lengths:
                for step in STEPS:
                    if step == 1 or step * length <= self._most:
                        self._interpreter((step, length, *width))

    def experimental_get_tracing_count(self) -> int:
        """Return 1, as of a traced function: there is one network for all shapes."""
        return 1

    def _tile(self, ids: Ids, step: int) -> list[NDArray[Any]]:
        if len(ids) < step:
            ids = np.concatenate([ids, np.zeros((step - len(ids), *ids.shape[1:]), ids.dtype)])
        interpreter, entry, exits = self._interpreter(ids.shape)
        interpreter.set_tensor(entry, ids)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise ArtifactError(
                f"{self._name} fails on an array of {ids.shape}: {error}"
            ) from error
        return [interpreter.get_tensor(one) for one in exits]

    def _interpreter(self, shape: tuple[int, ...]) -> Any:
        """Return the interpreter of a shape with the numbers of its input and outputs."""
        if shape not in self._kept:
            self._kept[shape] = self._made(shape)
        return self._kept[shape]

    def _made(self, shape: tuple[int, ...]) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it moves to a package of its own
                interpreter = tf.lite.Interpreter(
                    model_content=self.content, num_threads=self._threads
                )
            (entry,) = interpreter.get_input_details()
            interpreter.resize_tensor_input(entry["index"], shape)
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"{self._name} cannot run here: {type(error).__name__}") from error
        if entry["dtype"] is not np.int32:
            raise ArtifactError(f"{self._name} does not read token ids")
        return interpreter, entry["index"], [o["index"] for o in interpreter.get_output_details()]
