"""What may be in a `.tflite` file: built-in operations that compute, and nothing else.

The format can name operations of other libraries (Flex, custom), keep state, and point at data
outside. A version's builds need none of that, so each file is read for what it names before an
interpreter sees it; the interpreter then verifies offsets and shapes of its own.
"""

from importlib import import_module
from typing import Any, Final

from schemas.errors import ArtifactError

_MARK: Final = b"TFL3"
"""Bytes 4 to 8 of every such file."""
_LIST: Final = """
    ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BROADCAST_ARGS BROADCAST_TO
    CAST     CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEQUANTIZE DIV
    DYNAMIC_UPDATE_SLICE     EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV
    FLOOR_MOD FULLY_CONNECTED GATHER     GATHER_ND GELU GREATER GREATER_EQUAL LESS LESS_EQUAL
    LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR     LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN
    MINIMUM MUL NEG NOT_EQUAL ONE_HOT PACK PAD     PADV2 POW QUANTIZE RANGE RANK REDUCE_ALL
    REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU     RESHAPE RSQRT SELECT SELECT_V2 SHAPE
    SIN SLICE SOFTMAX SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE     SQUEEZE STRIDED_SLICE SUB
    SUM TANH TILE TRANSPOSE UNPACK UNSORTED_SEGMENT_PROD WHERE WHILE ZEROS_LIKE
"""
KNOWN: Final = frozenset(_LIST.split())
"""Built-in operations that are let in."""


def check(content: bytes, name: str) -> None:
    """Refuse a file that names anything else; ArtifactError says what. `name` is the file's."""
    if content[4:8] != _MARK:
        raise ArtifactError(f"{name} is no LiteRT file")
    try:
        strange = sorted(operations(content) - KNOWN)
        outside = _points_outside(content)
    except (ArithmeticError, IndexError, MemoryError, TypeError, ValueError, KeyError) as error:
        raise ArtifactError(f"{name} is damaged: {type(error).__name__}") from error
    except Exception as error:  # struct.error, which is no subclass of those
        raise ArtifactError(f"{name} is damaged: {type(error).__name__}") from error
    if strange:
        raise ArtifactError(
            f"{name} may run code: it names {', '.join(strange)}, and only built-in operations "
            "that compute are let in"
        )
    if outside:
        raise ArtifactError(f"{name} points at data outside of its tables")


def operations(content: bytes) -> set[str]:
    """Return the names of all operations of a file; `CUSTOM:…` of those that are not built in."""
    model, schema = _model(content)
    names = {
        number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()
    }
    return {
        _named(model.OperatorCodes(number), names) for number in range(model.OperatorCodesLength())
    }


def _named(code: Any, names: dict[int, str]) -> str:
    """Return an operation's name; old files keep its number in a field of one byte."""
    if code.CustomCode() is not None:
        return f"CUSTOM:{code.CustomCode().decode('ascii', 'replace')}"
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    return names.get(number, f"number {number}")


def _points_outside(content: bytes) -> bool:
    model, _ = _model(content)
    return any(model.Buffers(number).Size() > 1 for number in range(model.BuffersLength()))


def _model(content: bytes) -> tuple[Any, Any]:
    schema = import_module("tensorflow.lite.python.schema_py_generated")
    return schema.Model.GetRootAs(content, 0), schema
