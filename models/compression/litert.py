"""Running a `.tflite` file: tiles of fixed shapes, computed side by side.

An array is cut into tiles of `STEPS` rows, since a tile of `TILE` padded tokens stays in the cache:
larger ones took a third longer a token.

    17 rows of 16 tokens      tiles of 16 and 1 row
    23 rows of 16 tokens      one of 24, rows 24 are padding: cheaper than three calls

An interpreter's own threads share single products, and wait for each other more than they win:
folded in int8, `sentiment-zh` was slower with two than with one. So an interpreter has one thread,
and where a tile takes longer than `WORTH`, which the warm-up finds out, each thread has a lane of
interpreters: tiles of `SHARED` tokens or more are spread over them, and an array is cut so fine
that all have work.

`__call__` may come from any thread; one computes at a time.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import accumulate
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.answering.tracing import array_of
from models.compression import flatbuffer
from models.compression.lane import Lane, Tile
from models.compression.unrolled import STRIDE
from models.text.tokenizer import Ids

STEPS: Final = (1, 2, 4, 8, 16, 24, 32, 64)
"""Rows of a tile."""
TILE: Final = 512
"""Padded tokens of a tile at most, but for a single row."""
LOOPED: Final = 2048
"""The same of a network with a loop over tokens, whose turns cost less a row the more there are."""
SHARED: Final = 256
"""Padded tokens of a tile that is worth another lane."""
WORTH: Final = 4e-4
"""Seconds of a tile of `TILE` tokens that is; to wake a thread takes some 0.2 ms."""
LANES: Final = 8
"""Lanes at most, as each has interpreters of its own."""


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
            threads: that may compute.
        """
        flatbuffer.check(content, name)
        self.lanes = [Lane(content, name)]
        self._content, self._name, self._threads = content, name, threads
        self._most = LOOPED if "WHILE" in flatbuffer.operations(content) else TILE
        self._others = ThreadPoolExecutor(max(1, min(threads, LANES) - 1))
        self._lock = threading.Lock()

    def __call__(self, ids: Any) -> tuple[NDArray[Any], ...]:
        """Return the outputs of ids int32 [rows, length, …], as many rows as given.

        Where they have a length, it is that of `stretched(ids)`.
        """
        given = stretched(array_of(ids))
        rows, length = given.shape[:2]
        steps = tiles(rows, length, self._tile(rows * length))
        cut = [
            (given[end - step : end], step)
            for step, end in zip(steps, accumulate(steps), strict=True)
        ]
        with self._lock:
            parts = self._computed(cut)
        return tuple(np.concatenate(some)[:rows] for some in zip(*parts, strict=True))

    def warm_up(self, lengths: Iterable[int], width: Sequence[int]) -> None:
        """Make the interpreters of all tiles of these lengths; `width`: the ids' last axes."""
        fit = [
            (step, length, *width)
            for length in lengths
            for step in STEPS
            if step == 1 or step * length <= self._most
        ]
        with self._lock:
            for shape in fit:
                self.lanes[0].prepare(shape)
            if self._threads > 1 and self._slow(fit):
                self._widen([shape for shape in fit if shape[0] * shape[1] >= SHARED])

    def experimental_get_tracing_count(self) -> int:
        """Return 1, as of a traced function: there is one network for all shapes."""
        return 1

    def _slow(self, shapes: Iterable[tuple[int, ...]]) -> bool:
        """Whether the largest usual tile takes so long that lanes are worth it."""
        usual = [shape for shape in shapes if shape[0] * shape[1] <= TILE]
        ids = np.ones(max(usual, key=lambda shape: shape[0] * shape[1]), np.int32)
        taken = []
        for _ in range(3):
            began = perf_counter()
            self.lanes[0].run([(ids, len(ids))])
            taken.append(perf_counter() - began)
        return min(taken) >= WORTH

    def _widen(self, shapes: Iterable[tuple[int, ...]]) -> None:
        """Add a lane for each further thread, with the interpreters of these shapes."""
        count = min(self._threads, LANES)
        self.lanes += [Lane(self._content, self._name) for _ in range(len(self.lanes), count)]
        for shape in shapes:
            for lane in self.lanes[1:]:
                lane.prepare(shape)

    def _computed(self, cut: Sequence[Tile]) -> list[list[NDArray[Any]]]:
        """Return the outputs of each tile, in order."""
        owners = [
            number % len(self.lanes) if step * ids.shape[1] >= SHARED else 0
            for number, (ids, step) in enumerate(cut)
        ]
        shares: list[list[Tile]] = [[] for _ in self.lanes]
        for owner, tile in zip(owners, cut, strict=True):
            shares[owner].append(tile)
        used = 1 + max(owners)
        given = zip(self.lanes[1:used], shares[1:used], strict=True)
        others = [self._others.submit(lane.run, share) for lane, share in given]
        try:
            own = self.lanes[0].run(shares[0])
        finally:
            wait(others)
        found = [iter(own), *(iter(other.result()) for other in others)]
        return [next(found[owner]) for owner in owners]

    def _tile(self, tokens: int) -> int:
        """Return the padded tokens of a tile at most, for an array of so many."""
        return min(self._most, max(SHARED, -(-tokens // len(self.lanes))))
