"""Traced functions that versions of one kind share: the weights come with each call.

Tracing a network and compiling the trace are most of a load, and depend on its architecture alone.
So the next version of a model brings its weights and runs what the one before it runs. A trace goes
with the last model that uses it, and holds no network and no weights of its own.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import keras
import tensorflow as tf

Read = Callable[[Any, Any], tuple[Any, ...]]
"""What an answerer reads of a network and padded ids."""


def variables_of(network: Any) -> list[Any]:
    """Return the weights of a Keras network, layer by layer."""
    return [one for layer in network.layers for one in layer.weights]


class Trace:
    """One traced function of weights and padded ids, for all shapes."""

    def __init__(self, read: Read, network: Any, *, jit: bool = False) -> None:
        """`jit`: XLA compiles it, at the first call; the network's input has one shape then."""
        variables = variables_of(network)
        self.layers = tuple((one.name, len(one.weights)) for one in network.layers if one.weights)
        """The network's layers that have weights, and how many, in the order of the weights."""
        self.shapes = tuple(tuple(one.shape) for one in variables)
        """Of each weight."""
        self.timings: Sequence[tuple[int, int, float]] = ()
        """What arrays took the model that was warmed with it; empty until one was."""

        def run(weights: Any, ids: Any) -> tuple[Any, ...]:
            with keras.StatelessScope(list(zip(variables, weights, strict=True))):
                return read(network, ids)

        given = [tf.TensorSpec(one.shape, one.dtype) for one in variables]
        ids = tf.TensorSpec(network.input_shape, tf.int32)
        function = tf.function(run, autograph=False, jit_compile=jit or None)
        self._run = function.get_concrete_function(given, ids).inference_fn

    def __call__(self, weights: Sequence[Any], ids: Any) -> tuple[Any, ...]:
        """Return what `read` gives of a network with these weights."""
        # its signature is not checked anew: with fourteen weights that took as long as a short run
        return tuple(self._run.call_flat(*weights, ids))


class SharedRun:
    """A trace with the weights of one version: padded ids to a tuple of arrays."""

    def __init__(self, trace: Callable[[], Trace], weights: Sequence[Any]) -> None:
        """`trace` gives it at the first call, as not every way to run a version is ever run."""
        self._make, self._weights = trace, list(weights)

    @cached_property
    def trace(self) -> Trace:
        """What is shared."""
        return self._make()

    def __call__(self, ids: Any) -> tuple[Any, ...]:
        """Return the arrays for padded ids."""
        return self.trace(self._weights, ids)

    def experimental_get_tracing_count(self) -> int:
        """Return how often the network was traced for it, as a `tf.function` does."""
        return int("trace" in self.__dict__)


class Traces:
    """Those of this process that some model uses, by what decides them."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[bytes, Trace] = WeakValueDictionary()

    def known(self, kind: bytes) -> Trace | None:
        """Return the trace of a kind, where there is one now."""
        return self._known.get(kind)

    def of(self, kind: bytes, make: Callable[[], Trace]) -> Trace:
        """Return the trace of a kind, made if need be."""
        trace = self._known.get(kind)
        if trace is None:
            trace = self._known[kind] = make()
        return trace
