"""The second online stage: token ids of many texts to one padded array."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.answering.answerer import Parsed
from models.shapes import bucket
from models.text.tokenizer import Ids


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """A padded array and the texts in its first rows; further rows are padding.

    A text of several windows has as many rows, in their order.
    """

    ids: Ids
    """[rows, length] or [rows, length, columns], int32, 0 is padding."""
    parsed: tuple[Parsed, ...]
    states: Any = None
    """[rows, length, width], float32: what layers before made of the ids; None: none has read."""


def padded(
    parsed: Sequence[Parsed], length: int, rows: int, lengths: Sequence[int], width: Sequence[int]
) -> Features:
    """Return the array [rows, length, *width] of these texts.

    Where a text is read in windows, they take its place: there are more rows, and shorter.

    Args:
        parsed: the texts, `rows` at most.
        length: tokens of a row, as many as the longest has.
        rows: of the array; those without a text are padding.
        lengths: padded lengths that arrays of windows may have, ascending.
        width: columns of a token's ids; empty where there is one.
    """
    pieces = [piece for one in parsed for piece in one.pieces]
    rows += len(pieces) - len(parsed)
    sizes = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
    if len(pieces) > len(parsed):
        length = bucket(int(sizes.max()), lengths)
    ids = np.zeros((rows, length, *width), dtype=np.int32)
    if pieces:
        real = np.arange(length) < sizes[:, None]
        ids[: len(pieces)][real] = np.concatenate(pieces)
    return Features(ids=ids, parsed=tuple(parsed))


def stacked(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the rows of several calls as one array; 0 is what a row lacks of the widest.

    Calls differ in width where it is what is counted in the texts, as sentences are.
    """
    if len({output.shape[1:] for output in outputs}) == 1:
        return np.concatenate(outputs)
    widest = max(output.shape[1] for output in outputs)
    lacking = [widest - output.shape[1] for output in outputs]
    return np.concatenate(
        [
            np.pad(output, [(0, 0), (0, lack)] + [(0, 0)] * (output.ndim - 2))
            for output, lack in zip(outputs, lacking, strict=True)
        ]
    )
