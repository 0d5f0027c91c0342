"""Which padded shapes a batch is cut into.

A padded batch costs `rows x length`, whatever the texts' true lengths, so texts of like length go
together: sorted, then cut into runs that fit one length of the grid and one token budget. Pure:
lengths in, index lists out.

The defaults are the fastest of 24 tried on two CPU cores, for TextCNN at its default size and texts
of which 75 % have about 15 tokens, 20 % about 60 and 5 % about 300, cut 1,024 at a time. Texts per
second that two cores can do, padding and forward pass, reckoned from CPU time on a busy machine:

    lengths 16, 32, 64 … 512, rows padded to powers of two    7,900   real / padded tokens 0.63
    lengths as here, rows padded to the steps of ROWS         8,500   0.75
    lengths as here, rows as they come                        9,500   0.83
    every 8 tokens, rows as they come                         9,200   0.89

So rows are not padded: oneDNN does prepare its kernels anew for a new shape, but that costs less
than the padding. Budgets of 4,096 and 16,384 tokens are within 1 % of 8,192; 2,048 loses 14 %.
Joining small neighbouring shapes (CALL_TOKENS) gives 8 % where 256 texts are cut at a time and 27 %
where 32 are (3,900 to 4,900), by making fewer calls.
"""

from collections.abc import Sequence
from typing import NamedTuple

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Padded lengths in tokens, ascending; beyond the last a text is padded to its own length."""
ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Row counts that a shape may grow to, and to pad to where a device wants few distinct shapes."""
TOKEN_BUDGET = 8192
"""Most `rows x length` in one shape."""
CALL_TOKENS = 256
"""Padding, in tokens, that costs as much as one more call of the network."""


class Shape(NamedTuple):
    """One padded array to run: which texts, how long, how many rows."""

    indices: list[int]
    length: int
    rows: int
    padded: int
    """Tokens that are computed, padding included."""


def bucket(value: int, grid: Sequence[int]) -> int:
    """Return the smallest step of the ascending `grid` that holds `value`, or `value` beyond it."""
    return next((step for step in grid if step >= value), value)


def steps(longest: int) -> tuple[int, ...]:
    """Return the padded lengths for a model that reads `longest` tokens at once: LENGTHS and that,
    so that its longest texts are not padded at all."""
    return tuple(sorted({*LENGTHS, min(longest, LENGTHS[-1])}))


def plan(
    lengths: Sequence[int],
    token_budget: int = TOKEN_BUDGET,
    grid: Sequence[int] = LENGTHS,
) -> list[Shape]:
    """Cut texts of these token `lengths` into shapes of at most `token_budget` padded tokens.

    Lengths are padded to the ascending `grid`. Every index comes once; the budget holds also when
    rows are padded to the next step of `ROWS`. A shape holds at least one text, also one that
    breaks the budget alone.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    shapes: list[Shape] = []
    start = 0
    while start < len(order):
        length = bucket(lengths[order[start]], grid)
        limit = _most_rows(length, token_budget)
        end = start + 1
        while end < len(order) and end - start < limit and lengths[order[end]] <= length:
            end += 1
        _add(shapes, _shape(order[start:end], length), token_budget)
        start = end
    return shapes


def _add(shapes: list[Shape], new: Shape, token_budget: int) -> None:
    """Append `new`, or join it to the last shape where that pads less than a call costs."""
    if shapes:
        last = shapes[-1]
        rows = last.rows + new.rows
        padding = last.rows * (new.length - last.length)
        if padding <= CALL_TOKENS and rows <= _most_rows(new.length, token_budget):
            shapes[-1] = _shape(last.indices + new.indices, new.length)
            return
    shapes.append(new)


def _shape(indices: list[int], length: int) -> Shape:
    return Shape(indices, length, len(indices), length * len(indices))


def _most_rows(length: int, token_budget: int) -> int:
    return max((step for step in ROWS if step * length <= token_budget), default=1)
