"""A network becomes a `.tflite` file of smaller numbers.

    int8         weights are int8, products are made of int8 where both sides are, sums are float32
                 (dynamic range: what is multiplied with weights is rounded row by row)
    int8-full    also what flows between layers is int8, by the ranges that calibration texts show
    float16      weights are float16, all is computed in float32

Of a classifier the probabilities are converted, of any other network its outputs, as CRFs and beam
searches stay TensorFlow's.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from models.answering.classes import ClassAnswerer
from models.compression import flatbuffer
from models.compression.rewritten import rewritten
from models.live_model import LiveModel
from models.quiet import silent_stderr
from models.text.tokenizer import Ids
from schemas.errors import ArtifactError

Numbers = Literal["int8", "int8-full", "float16"]


def converted(model: LiveModel, numbers: Numbers, calibration: Sequence[Ids] = ()) -> bytes:
    """Return the file's content.

    Args:
        model: a version as it was trained, or folded.
        numbers: see above.
        calibration: padded arrays of texts like those that will come; for `int8-full` alone.

    Raises:
        ArtifactError: LiteRT has no operation for something in the network.
    """
    with silent_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([_frozen(model)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if numbers == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if numbers == "int8-full":
        converter.representative_dataset = lambda: ([ids] for ids in calibration)
        kinds = (tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS)
        converter.target_spec.supported_ops = kinds
    try:
        with silent_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its interpreter moves to a package of its own
            content = bytes(converter.convert())
    except Exception as error:  # the converter's errors have no root
        raise ArtifactError(
            f"LiteRT cannot run its loops or shapes ({type(error).__name__})"
        ) from error
    flatbuffer.check(content, "what was converted")
    if numbers == "int8-full" and "DIV" in flatbuffer.operations(content):
        raise ArtifactError(
            "it takes means over tokens, and LiteRT fails on some counts as divisors in int8"
        )
    return content


def _frozen(model: LiveModel) -> Any:
    """Return what is converted as one concrete function whose weights are constants."""
    network = rewritten(model.network)

    def compute(ids: Any) -> Any:
        if isinstance(model.answerer, ClassAnswerer):
            return model.answerer.read(network, ids)
        return network(ids, training=False)

    signature = [tf.TensorSpec(network.input_shape, tf.int32)]
    traced = tf.function(compute, input_signature=signature, autograph=False)
    return convert_to_constants.convert_variables_to_constants_v2(
        traced.get_concrete_function(), lower_control_flow=False
    )
