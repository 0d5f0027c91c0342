"""How much faster one way of running a network is than another here, measured once for each kind.

Networks of one architecture take the same time whatever their weights are. So a worker that loads
the next version of a model need not time again what it timed for the one before, which would be
most of the load, beside the batches that it serves. Nor need it trace again: `models.traces`.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
import tensorflow as tf

from models.answering.tracing import array_of
from models.live_model import LiveModel
from models.traces import Traces
from schemas.model_version import Manifest

ROUNDS: Final = 5
"""Runs of each way and shape; the shortest counts, as the machine may be busy."""
GAIN: Final = 0.95
"""What takes longer than this part of the usual time is not worth another way."""

Seconds = Callable[[Callable[[], object]], float]
"""Gives the seconds that a call takes."""


def best_of(call: Callable[[], object]) -> float:
    """Seconds of the shortest of some runs, after one that does not count."""
    call()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)


class Gains:
    """What was measured on this device in this process, and traced for it."""

    def __init__(self, seconds: Seconds = best_of) -> None:
        """`seconds`: how a call is timed."""
        self.seconds = seconds
        self.traces = Traces()
        self._known: dict[tuple[bytes, str, str], float] = {}

    def known(self, manifest: Manifest, build: str, other: str) -> float | None:
        """How many times as fast as `build` the version's `other` build is; None: not measured."""
        return self._known.get((_architecture(manifest), build, other))

    def gain(self, model: LiveModel, other: LiveModel, shapes: Iterable[tuple[int, int]]) -> float:
        """How many times as fast as `model` the same version as `other` is, over (length, rows)."""
        kind = _architecture(model.manifest), model.build, other.build
        if kind not in self._known:
            arrays = [tf.convert_to_tensor(model.warm_array(*shape)) for shape in shapes]
            usual, wished = (self._sum(one.answerer.run, arrays) for one in (model, other))
            self._known[kind] = usual / wished
        return self._known[kind]

    def _sum(self, run: Callable[[Any], Any], arrays: Iterable[Any]) -> float:
        return sum(self.seconds(call(run, ids)) for ids in arrays)


def _architecture(manifest: Manifest) -> bytes:
    return msgspec.json.encode(manifest.architecture, order="deterministic")


def call(run: Callable[[Any], Any], ids: Any) -> Callable[[], object]:
    """What is timed: a network's outputs, until they are there."""
    return lambda: [array_of(array) for array in run(ids)]
