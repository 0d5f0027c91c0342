"""How sure a network must be for its answer to stand: tuned on dev texts. Pure.

The surest answers stand first. How many of them may stand is asked of the dev texts: as many as
leave the promised agreement, or lose no more than is allowed. A loss may fall again after it rose,
by chance; what comes after the first rise beyond the limit is not taken.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from schemas.errors import DataError

TRIED: Final = 200
"""Thresholds that a loss is computed for; each means scoring all dev texts."""
_NOISE: Final = 1e-9
"""What sums of floats may be wrong by."""


class Chosen(NamedTuple):
    """A threshold and what it does to the dev texts."""

    threshold: float
    """Answers at least as sure stand."""
    share: float
    """Of the texts whose answers stand, 0 to 1."""


def by_agreement(confidences: Sequence[float], agrees: Sequence[bool], least: float) -> Chosen:
    """Return the lowest threshold with which at least this share of all texts keeps its answer.

    Args:
        confidences: how sure the cheap network is of each text.
        agrees: whether the dear one says the same.
        least: 0 to 1; answers that do not stand are the dear network's, so they agree.

    Raises:
        DataError: not even the surest answers may stand.
    """
    order = _surest_first(confidences)
    wrong, best = 0, 0
    for count, at in enumerate(order, start=1):
        wrong += not agrees[at]
        if wrong > (1 - least) * len(order) + _NOISE:
            break
        if _is_border(confidences, order, count):
            best = count
    return _chosen(confidences, order, best, f"an agreement of {least:g}")


def by_loss(
    confidences: Sequence[float], loss: Callable[[Sequence[int]], float], most: float
) -> Chosen:
    """Return the lowest threshold whose loss, and that of all higher ones, is at most `most`.

    Args:
        confidences: how sure the cheap network is of each text.
        loss: points that are lost where the answers to these texts, by number, stand.
        most: points.

    Raises:
        DataError: not even the surest answers may stand.
    """
    order = _surest_first(confidences)
    borders = [n for n in range(1, len(order) + 1) if _is_border(confidences, order, n)]
    step, best = -(-len(borders) // TRIED), 0
    for count in (*borders[step - 1 :: step], len(order)):
        if loss(order[:count]) > most + _NOISE:
            break
        best = count
    return _chosen(confidences, order, best, f"a loss of {most:g} points")


def _surest_first(confidences: Sequence[float]) -> list[int]:
    return sorted(range(len(confidences)), key=lambda at: -confidences[at])


def _is_border(confidences: Sequence[float], order: Sequence[int], count: int) -> bool:
    """Whether a threshold can tell the first `count` from the rest."""
    return count == len(order) or confidences[order[count - 1]] > confidences[order[count]]


def _chosen(confidences: Sequence[float], order: Sequence[int], count: int, promise: str) -> Chosen:
    if not count:
        raise DataError(
            f"{promise} cannot be kept: the cheap network is wrong even where it is surest. Allow "
            "more, or give a better one"
        )
    last = confidences[order[count - 1]]
    following = confidences[order[count]] if count < len(order) else last
    return Chosen((last + following) / 2, count / len(order))
