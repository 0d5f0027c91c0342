"""Running a version in another way, where that is proven here: faster, and the same or allowed.

    folded       filters are multiplied with the table of tokens beforehand (`models.folding`), and
                 XLA compiles one loop over the tokens for all arrays (`models.fused`), in half a
                 second; tried with every version that is used as it was trained
    precision    the network computes in float16 or bfloat16 over the same float32 weights
    jit          XLA compiles the network, anew for every shape of an array, in seconds
    builds       the network in a file of its own, in int8 mostly (`models.compression`); its
                 answers differ, and the version says how much of its score a worker may give up

Precision and jit are wishes of a version's `run` settings; what is folded is compiled anyway. By
jit XLA serves only shapes that were compiled at the warm-up, each faster than without; all others
take the usual way, and nothing is ever compiled while a text waits. What is not faster on this
device, or moves an answer by more than the version allows, is not used, and the log says why.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any, Final

import numpy as np
import tensorflow as tf

from models import folding, sharing
from models.answering.tracing import array_of, traced
from models.compression import serving
from models.gains import GAIN, Gains, call
from models.live_model import LiveModel
from models.shapes import bucket
from schemas.errors import ArtifactError
from schemas.model_version import RunConfig

_log = logging.getLogger(__name__)

SHAPES: Final = tuple((length, rows) for length in (16, 32, 64) for rows in (8, 32, 128))
"""`(length, rows)` that are tried: most arrays of short texts are of about these."""
FEW: Final = ((16, 32), (64, 32))
"""Those that tell enough of a way that is good for any shape, as a start should be quick."""


def chosen(model: LiveModel, run: RunConfig, gains: Gains) -> LiveModel:
    """The model, or one of the same answers that is faster here.

    Args:
        model: as it was loaded.
        run: what its version wishes.
        gains: what was measured before, and how.
    """
    if run.precision == "float32":
        model = _folded(model, gains)
    else:
        model = _in_precision(model, run, gains)
    if run.jit and model.build != folding.BUILD:  # which XLA compiles already
        _compile(model, run, gains)
    return _of_builds(model, gains)


def _of_builds(model: LiveModel, gains: Gains) -> LiveModel:
    """Return the fastest of the version's allowed builds and what was chosen before."""
    origin = model
    for name, build in serving.allowed(model).items():
        try:
            other = serving.served(origin, name)
        except ArtifactError as error:
            _say(model, f"{name} is not used: {error}")
            continue
        lost = f"{build.deltas.loss:g} points lost of {model.manifest.allowed_loss:g} allowed"
        model = _better(model, other, (name, f"answers by {name} ({lost})"), FEW, gains)
    return model


def _folded(model: LiveModel, gains: Gains) -> LiveModel:
    other = sharing.folded(model, gains.traces)
    if other is None:
        return model
    return _better(model, other, ("folding", "is folded"), FEW, gains)


def _in_precision(model: LiveModel, run: RunConfig, gains: Gains) -> LiveModel:
    other = model.computing_in(run.precision)
    other.tolerance = run.tolerance
    words = (run.precision, f"computes in {run.precision}")
    return _better(model, other, words, SHAPES, gains)


def _better(
    model: LiveModel,
    other: LiveModel,
    words: tuple[str, str],
    shapes: Iterable[tuple[int, int]],
    gains: Gains,
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
    except Exception as error:  # what XLA cannot compile or a build cannot run; no common root
        _say(model, f"{way} is not used: it cannot run here, {type(error).__name__}")
        return model
    gain = gains.gain(model, other, shapes)
    if gain < 1 / GAIN:
        _say(model, f"{way} is not used: {gain:.2f} times as fast here")
        return model
    _say(model, f"{goes_it}: {gain:.2f} times as fast here")
    return other


def _compile(model: LiveModel, run: RunConfig, gains: Gains) -> None:
    usual, answerer = model.answerer.run, model.answerer
    network = sharing.network_of(model)
    compiled = traced(answerer.read, network, jit=True)
    good = []
    for shape in SHAPES:
        ids = tf.convert_to_tensor(model.warm_array(*shape))
        try:
            same = _agree(usual(ids), compiled(ids), run.tolerance)
        except Exception as error:  # XLA knows fewer operations than TensorFlow; no common root
            _say(model, f"XLA is not used: it cannot compile this network, {type(error).__name__}")
            return
        if same and _faster(compiled, usual, ids, gains):
            good.append(shape)
    _say(model, f"XLA is faster and answers the same in {len(good)} of {len(SHAPES)} shapes")
    if good:
        answerer.run = ShapedRun(usual, compiled, good)
        model.build = "keras-jit"


def _faster(one: Any, usual: Any, ids: Any, gains: Gains) -> bool:
    return gains.seconds(call(one, ids)) <= GAIN * gains.seconds(call(usual, ids))


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
