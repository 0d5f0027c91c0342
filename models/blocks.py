"""How texts are cut into arrays for a network that goes along their tokens (`models.fused`).

Texts are taken in order of their lengths, in blocks; a block costs as many steps as its longest
text has tokens, whatever the others of the array have. Pure: lengths in, index lists out.
"""

from collections.abc import Sequence
from typing import Final

from models.shapes import Shape

ROWS: Final = 256
"""Texts of an array at most."""
BLOCK: Final = 32
"""Texts that the loop goes along at once: a vector unit has work, and few wait for the longest."""


def cut(lengths: Sequence[int], token_budget: int, grid: Sequence[int] = ()) -> list[Shape]:
    """Cut texts of these token `lengths` into arrays, as `models.shapes.plan` does; a block is only
    as long as its longest text, so no `grid` is needed."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    ascending = [lengths[index] for index in order]
    shapes: list[Shape] = []
    start = 0
    while start < len(order):
        end = _end(ascending, start, token_budget)
        shapes.append(_shape(order[start:end], ascending[start:end]))
        start = end
    return shapes


def _end(ascending: Sequence[int], start: int, token_budget: int) -> int:
    """Return where the array ends that begins at `start`: in its first block true tokens count,
    which cost the same as a whole one; a further block counts as a whole."""
    tokens = before = 0
    most = min(len(ascending), start + ROWS)
    for end in range(start, most):
        rows, length = end - start, ascending[end]
        if rows and rows % BLOCK == 0:
            before += BLOCK * ascending[end - 1]
        tokens += length
        if rows and (tokens if rows < BLOCK else before + BLOCK * length) > token_budget:
            return end
    return most


def _shape(indices: list[int], ascending: Sequence[int]) -> Shape:
    longest = (ascending[min(at + BLOCK, len(indices)) - 1] for at in range(0, len(indices), BLOCK))
    return Shape(indices, ascending[-1], len(indices), BLOCK * sum(longest))
