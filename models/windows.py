"""Texts longer than a model's longest input: read in overlapping windows, answered as one text.

A window is as long as the longest input, and neighbours share a quarter of it, so that what one
window sees at its edge another sees with tokens on both sides. Only neighbours overlap, and the
last window, which may be shorter, always brings tokens of its own. How the answers of the windows
become one is the rule of each task (`models.answering`). Which windows a text has depends on its
length alone, so its answer does not depend on its company. Pure.
"""

from models.shapes import TOKEN_BUDGET

MOST_TOKENS = 4 * TOKEN_BUDGET
"""Most tokens of all windows of a text together: a whole book costs no more than four arrays."""

Window = tuple[int, int]
"""The tokens `ids[start:end]`."""


def windows(tokens: int, longest: int) -> tuple[Window, ...]:
    """Cut a text of so many tokens, for a model that reads `longest` at once.

    Returns:
        Nothing where one reading suffices; else two windows or more, ascending, which together
        cover the first `min(tokens, reach(longest))` tokens.
    """
    last = min(tokens, reach(longest))
    if last <= longest:
        return ()
    starts = range(0, last - _shared(longest), longest - _shared(longest))
    return tuple((start, min(start + longest, last)) for start in starts)


def reach(longest: int) -> int:
    """Return how many tokens of a text are read at most; what follows is cut."""
    most = max(1, MOST_TOKENS // longest)
    return longest + (most - 1) * (longest - _shared(longest))


def _shared(longest: int) -> int:
    """Return how many tokens two neighbours have in common."""
    return longest // 4
