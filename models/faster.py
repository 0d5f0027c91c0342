"""Running a version in another way, where that is proven here: faster, and the same or allowed.

    folded       filters are multiplied with the table of tokens beforehand (`models.folding`);
                 tried with every version that is used as it was trained
    precision    the network computes in float16 or bfloat16 over the same float32 weights
    jit          XLA compiles the network, anew for every shape of an array, in seconds
    builds       the network in a file of its own, in int8 mostly (`models.compression`); its
                 answers differ, and the version says how much of its score a worker may give up

Precision and jit are wishes of a version's `run` settings. XLA serves only shapes that were
compiled at the warm-up, each faster than without; all others take the usual way, and nothing is
ever compiled while a text waits. What is not faster on this device, or moves an answer by more than
the version allows, is not used, and the log says why.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import numpy as np
import tensorflow as tf

from models.answering.tracing import array_of, traced
from models.compression import serving
from models.live_model import LiveModel
from models.shapes import bucket
from schemas.errors import ArtifactError
from schemas.model_version import RunConfig

_log = logging.getLogger(__name__)

SHAPES: Final = tuple((length, rows) for length in (16, 32, 64) for rows in (8, 32, 128))
"""`(length, rows)` that are tried: most arrays of short texts are of about these."""
FEW: Final = ((16, 32), (64, 32))
"""Those that tell enough of a way that is good for any shape, as a start should be quick."""
GAIN: Final = 0.95
"""What takes longer than this part of the usual time is not worth another way."""
ROUNDS: Final = 5
"""Runs of each way and shape; the shortest counts, as the machine may be busy."""

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


def chosen(model: LiveModel, run: RunConfig, seconds: Seconds = best_of) -> LiveModel:
    """The model, or one of the same answers that is faster here.

    Args:
        model: a warm model.
        run: what its version wishes.
        seconds: how a way of running is timed.
    """
    if run.precision == "float32":
        model = _folded(model, seconds)
    else:
        model = _in_precision(model, run, seconds)
    if run.jit:
        _compile(model, run, seconds)
    return _of_builds(model, seconds)


def _of_builds(model: LiveModel, seconds: Seconds) -> LiveModel:
    """Return the fastest of the version's allowed builds and what was chosen before."""
    origin = model
    for name, build in serving.allowed(model).items():
        try:
            other = serving.served(origin, name)
        except ArtifactError as error:
            _say(model, f"{name} is not used: {error}")
            continue
        lost = f"{build.deltas.loss:g} points lost of {model.manifest.allowed_loss:g} allowed"
        model = _better(model, other, (name, f"answers by {name} ({lost})"), FEW, seconds)
    return model


def _folded(model: LiveModel, seconds: Seconds) -> LiveModel:
    other = model.folded()
    if other is None:
        return model
    return _better(model, other, ("folding", "is folded"), FEW, seconds)


def _in_precision(model: LiveModel, run: RunConfig, seconds: Seconds) -> LiveModel:
    other = model.computing_in(run.precision)
    other.tolerance = run.tolerance
    words = (run.precision, f"computes in {run.precision}")
    return _better(model, other, words, SHAPES, seconds)


def _better(
    model: LiveModel,
    other: LiveModel,
    words: tuple[str, str],
    shapes: Iterable[tuple[int, int]],
    seconds: Seconds,
) -> LiveModel:
    """Return `other` where it gives the samples' answers and is faster, else `model`.

    `words` are what its way is called, and what a model does that goes it.
    """
    way, goes_it = words
    try:
        other.check_samples()
    except ArtifactError as error:
        _say(model, f"{way} is not used: {error}")
        return model
    arrays = _arrays(model, shapes)
    usual, wished = (
        sum(seconds(_call(one.answerer.run, ids)) for ids in arrays) for one in (model, other)
    )
    if wished > GAIN * usual:
        _say(model, f"{way} is not used: {usual / wished:.2f} times as fast here")
        return model
    _say(model, f"{goes_it}: {usual / wished:.2f} times as fast here")
    return other


def _arrays(model: LiveModel, shapes: Iterable[tuple[int, int]]) -> list[Any]:
    return [tf.convert_to_tensor(model.warm_array(*shape)) for shape in shapes]


def _call(run: Callable[[Any], Any], ids: Any) -> Callable[[], object]:
    return lambda: [array_of(array) for array in run(ids)]


def _compile(model: LiveModel, run: RunConfig, seconds: Seconds) -> None:
    usual, answerer = model.answerer.run, model.answerer
    compiled = traced(answerer.read, model.network, jit=True)
    good = []
    for shape in SHAPES:
        ids = tf.convert_to_tensor(model.warm_array(*shape))
        try:
            same = _agree(usual(ids), compiled(ids), run.tolerance)
        except Exception as error:  # XLA knows fewer operations than TensorFlow; no common root
            _say(model, f"XLA is not used: it cannot compile this network, {type(error).__name__}")
            return
        if same and seconds(_call(compiled, ids)) <= GAIN * seconds(_call(usual, ids)):
            good.append(shape)
    _say(model, f"XLA is faster and answers the same in {len(good)} of {len(SHAPES)} shapes")
    if good:
        answerer.run = ShapedRun(usual, compiled, good)
        model.build = "keras-jit"


def _agree(usual: Any, other: Any, tolerance: float) -> bool:
    pairs = zip(usual, other, strict=True)
    return all(np.allclose(array_of(a), array_of(b), rtol=0, atol=tolerance) for a, b in pairs)


class ShapedRun:
    """The network by its compiled function for some shapes, by its usual one for the others."""

    def __init__(self, usual: Any, compiled: Any, shapes: Collection[tuple[int, int]]) -> None:
        """`shapes`: `(length, rows)` that `compiled` is compiled for."""
        self._usual = usual
        self._compiled = compiled
        self._rows = {
            length: sorted(rows for other, rows in shapes if other == length)
            for length, _ in shapes
        }

    def __call__(self, ids: Any) -> Any:
        """Outputs of at least as many rows as given; further ones answer padding."""
        rows, length = ids.shape[:2]
        padded = bucket(rows, self._rows.get(length, ()))
        if padded not in self._rows.get(length, ()) or 4 * rows < 3 * padded:
            return self._usual(ids)
        padding = [[0, padded - rows], *([0, 0] for _ in ids.shape[1:])]
        return self._compiled(tf.pad(ids, padding) if padded > rows else ids)

    def experimental_get_tracing_count(self) -> int:
        """Traces of the usual function, as `LiveModel.traces` counts them."""
        return int(self._usual.experimental_get_tracing_count())


def _say(model: LiveModel, what: str) -> None:
    _log.info("%s: %s.", model.manifest.name, what.rstrip("."))
