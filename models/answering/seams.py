"""One row of tags from the overlapping windows of a long text.

Every token has the tag of the window in which it is farther from an edge, but for one thing: no
span is cut in two. The seam between two windows therefore lies at that place nearest to the middle
of their overlap where both end a span, or have none. Where no place is such, one span fills the
whole overlap; the seam is at the end of the left window, and the right one continues the span.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.text.tags import Scheme, chunks
from models.windows import Window


def join(rows: Sequence[NDArray[Any]], cuts: Sequence[int], windows: Sequence[Window]) -> Any:
    """Return one row [tokens, …] from `rows`, one a window; `cuts` as `seams` gives them."""
    borders = [0, *cuts, windows[-1][1]]
    return np.concatenate(
        [
            row[begin - start : end - start]
            for row, (start, _), begin, end in zip(
                rows, windows, borders[:-1], borders[1:], strict=True
            )
        ]
    )


def seams(
    tags: Sequence[Sequence[str]], windows: Sequence[Window], scheme: Scheme
) -> tuple[int, ...]:
    """Return where one window's tags end and the next one's begin, as numbers of tokens.

    `tags` holds the tags of each window, whole.
    """
    inside = [
        {start + at for chunk in chunks(row, scheme) for at in range(chunk.start + 1, chunk.end)}
        for row, (start, _) in zip(tags, windows, strict=True)
    ]
    cuts = []
    pairs = zip(pairwise(windows), pairwise(inside), strict=True)
    for ((_, end), (start, _)), (left, right) in pairs:
        crossed = left | right
        places = sorted(range(start, end + 1), key=lambda at: abs(2 * at - start - end))
        cuts.append(next((at for at in places if at not in crossed), end))
    return tuple(cuts)
