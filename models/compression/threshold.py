"""How sure a network must be for its answer to stand: tuned on dev texts. Pure.

The surest answers stand first, and as many more as the promise allows. A loss may fall again after
it rose, by chance; what comes after the first rise beyond the limit is not taken.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from schemas.errors import DataError

TRIED: Final = 200
"""Thresholds that a loss is computed for; each means scoring all dev texts."""
_NOISE: Final = 1e-9
"""What sums of floats may be wrong by."""


def lowest(confidences: Sequence[float], loss: Callable[[float], float], most: float) -> float:
    """Return the lowest threshold whose loss, and that of all higher ones, is at most `most`.

    It lies in the middle between two confidences, where there is the most room for noise.

    Args:
        confidences: how sure a network is of each text; of several networks all that they say.
        loss: what is lost where answers at least as sure as this stand.
        most: what may be.

    Raises:
        DataError: not even the surest answers may stand.
    """
    known = sorted(set(confidences), reverse=True)
    borders = [(one + other) / 2 for one, other in pairwise(known)] + known[-1:]
    step, best = -(-len(borders) // TRIED), None
    for threshold in dict.fromkeys((*borders[step - 1 :: step], *borders[-1:])):
        if loss(threshold) > most + _NOISE:
            break
        best = threshold
    if best is None:
        raise DataError(
            "the promise cannot be kept: where the cheap network is surest it is wrong too often. "
            "Allow more, or give a better one"
        )
    return best
