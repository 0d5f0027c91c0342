"""How a network and what is read of it become one function in TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def traced(read: Callable[[Any, Any], tuple[Any, ...]], network: Any, *, jit: bool = False) -> Any:
    """Return `read(network, ids)` as one traced function of padded ids, for all shapes.

    The loops of models are TensorFlow's own, so AutoGraph would find nothing to convert, and its
    search would take several times as long as the trace. With `jit`, XLA compiles it, anew for
    each shape.
    """
    return tf.function(
        lambda ids: read(network, ids),
        input_signature=[tf.TensorSpec(network.input_shape, tf.int32)],
        autograph=False,
        jit_compile=jit or None,
    )


def array_of(value: Any) -> NDArray[Any]:
    """Return a tensor's numbers, or an array as it is."""
    return value if isinstance(value, np.ndarray) else value.numpy()
