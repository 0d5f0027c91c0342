"""A file without its tables, which are in the version's weights already.

A folded network is nearly all tables: products of the token table and the filters, five times as
large as what they are made of. So a build's file keeps their shapes and scales and leaves their
numbers out, and whoever loads it multiplies once more and rounds to the same int8. A version of 15
MB of tables is shipped in some 200 kB that way.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from schemas.errors import ArtifactError

Tables = Mapping[str, NDArray[np.float32]]
"""Rows [rows, size] of each table, by its layer's name."""
_ALIKE: Final = 0.999
"""Share of a table's numbers that must be as they were rounded here to know it by."""
_BOUND: Final = 127


def tables_of(network: Any) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a network's embedding layers, by name."""
    found = {layer.name: layer.get_weights() for layer in network.layers}
    return {
        name: weights[0]
        for name, weights in found.items()
        if len(weights) == 1 and weights[0].ndim == 2
    }


def stripped(content: bytes, tables: Tables) -> bytes:
    """Return the file without the numbers of these tables.

    Raises ArtifactError where one of them is not found in it, as it was rounded otherwise.
    """
    model = _unpacked(content)
    missing = dict(tables)
    for tensor, buffer in _stored(model):
        for name, table in missing.items():
            if _is(tensor, buffer, table):
                tensor.name, buffer.data = name.encode(), None
                del missing[name]
                break
    if missing:
        raise ArtifactError(f"its tables {', '.join(missing)} are not in the file as int8")
    return _packed(model)


def filled(content: bytes, tables: Tables) -> bytes:
    """Return a stripped file with its tables; ArtifactError where they do not fit."""
    model = _unpacked(content)
    graph = model.subgraphs[0]
    names = {name.encode(): name for name in tables}
    for tensor in graph.tensors:
        if tensor.name not in names:
            continue
        table = tables[names.pop(tensor.name)]
        if tuple(tensor.shape) != table.shape or tensor.quantization is None:
            raise ArtifactError(f"its table {tensor.name.decode()} is of another shape")
        rounded = _rounded(table, float(tensor.quantization.scale[0]))
        model.buffers[tensor.buffer].data = rounded.reshape(-1).view(np.uint8)
    if names:
        raise ArtifactError(f"it has no tables {', '.join(names.values())}")
    return _packed(model)


def _stored(model: Any) -> list[tuple[Any, Any]]:
    """Return the tensors that have numbers of their own, each with its buffer."""
    pairs = ((one, model.buffers[one.buffer]) for one in model.subgraphs[0].tensors)
    return [(tensor, buffer) for tensor, buffer in pairs if buffer.data is not None]


def _is(tensor: Any, buffer: Any, table: NDArray[np.float32]) -> bool:
    scales = None if tensor.quantization is None else tensor.quantization.scale
    if scales is None or len(scales) != 1 or tuple(tensor.shape) != table.shape:
        return False
    stored = np.asarray(buffer.data, np.uint8).view(np.int8)
    if stored.size != table.size:
        return False
    same = stored.reshape(table.shape) == _rounded(table, float(scales[0]))
    return bool(same.mean() >= _ALIKE)


def _rounded(table: NDArray[np.float32], scale: float) -> NDArray[np.int8]:
    rounded: NDArray[np.int8] = np.clip(np.rint(table / scale), -_BOUND, _BOUND).astype(np.int8)
    return rounded


def _unpacked(content: bytes) -> Any:
    schema: Any = import_module("tensorflow.lite.python.schema_py_generated")
    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    except Exception as error:  # struct.error and what else a damaged file brings about
        raise ArtifactError(f"its file is damaged: {type(error).__name__}") from error


class _Aligned(flatbuffers.Builder):  # type: ignore[misc]  # it ships no types
    """Puts numbers where LiteRT wants them: at multiples of 16 bytes."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
        """Begin a vector; one of bytes holds the numbers of a tensor."""
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def _packed(model: Any) -> bytes:
    builder = _Aligned(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
