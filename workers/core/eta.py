"""When a bulk job will be done: what remains by its cost, at the speed that was seen. Pure.

A text's weight is what the learnt cost model says of its length; so a file whose long texts come
last is not thought to be nearly done. The speed is the weight done lately by the time it took;
while nearly nothing is done, what the cost model says of the present workers.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from workers.core.cost import Cost

ENOUGH: Final = 0.02
"""Part of the job from which on the speed that was seen counts."""
TYPICAL_ROWS: Final = 128
"""Texts of a batch, that share the price of a call."""
STILL_S: Final = 3.0
UNUSUAL: Final = 10.0
LEAST_S: Final = 5.0
"""Of fewer seconds the speed is not told."""
SETTLED_S: Final = 2.0
"""So long after a standstill what had gathered meanwhile comes at once."""
UNKNOWN: Final = Cost(call_s=0.0, token_s=1.0)


class Piece(NamedTuple):
    """Documents that follow one another, and their tokens."""

    documents: int
    tokens: int


def weight(pieces: Sequence[Piece], cost: Cost | None) -> float:
    """Predicted seconds of one worker for these; without a cost their tokens."""
    price = cost or UNKNOWN
    documents = sum(piece.documents for piece in pieces)
    tokens = sum(piece.tokens for piece in pieces)
    pairs = sum(p.tokens * p.tokens / p.documents for p in pieces if p.documents)
    calls = documents / TYPICAL_ROWS
    return price.call_s * calls + price.token_s * tokens + price.pair_s * pairs


def done_part(pieces: Sequence[Piece], done: int, cost: Cost | None) -> float:
    """Which part of the work is done with the first `done` documents, from 0 to 1."""
    whole = weight(pieces, cost)
    if whole <= 0:
        return 0.0
    behind: list[Piece] = []
    for documents, tokens in pieces:
        taken = min(documents, done)
        done -= taken
        behind.append(Piece(taken, round(tokens * taken / documents)) if taken else Piece(0, 0))
    return weight(behind, cost) / whole


def going_on(came: Sequence[tuple[float, int]], window_s: float) -> tuple[int, float]:
    """Answers since work last stood still, and how many seconds that is.

    A gap in which a dead process is replaced says nothing of the speed before or after it. It is
    one of `STILL_S` or more, and far longer than others: slow batches have such gaps all the time.
    Nor do the moments behind it, when batches come that were nearly done: a burst of 32 made the
    speed seem three times what it was.

    Args:
        came: how many seconds ago answers came, and how many; the oldest first.
        window_s: how many seconds ago the oldest might have come.
    """
    if not came:
        return 0, 0.0
    ages = [age for age, _ in came]
    gaps = [before - after for before, after in pairwise([window_s, *ages])]
    usual = median(gaps[1:]) if gaps[1:] else 0.0
    begin = 0
    for place, gap in enumerate(gaps):
        until = ages[place] - SETTLED_S
        if gap >= max(STILL_S, UNUSUAL * usual) and until >= LEAST_S:
            begin = next((n for n, age in enumerate(ages) if age <= until), place)
    return sum(number for _, number in came[begin:]), ages[begin]


def to_come(pieces: Sequence[Piece], read: int, expected: int) -> Piece:
    """The documents of rows that are not read yet, thought to be as those that are.

    Args:
        pieces: of what is read.
        read: rows of it.
        expected: rows of the whole.
    """
    more = max(expected - read, 0) / read if read else 0.0
    documents = sum(piece.documents for piece in pieces)
    tokens = sum(piece.tokens for piece in pieces)
    return Piece(round(documents * more), round(tokens * more))


def remaining_s(
    pieces: Sequence[Piece],
    done: int,
    recent: int,
    window_s: float,
    costs: Sequence[Cost | None],
    workers: int,
) -> float | None:
    """Seconds until all is answered; None while nothing is known.

    Args:
        pieces: the whole job, in its order.
        done: documents answered, for each task.
        recent: how many of them in the last `window_s` seconds.
        window_s: see above.
        costs: of the versions that answer, one a task; None where it is not known.
        workers: that take such work at present.
    """
    first = next(iter(costs), None)
    part = done_part(pieces, done, first)
    if part >= 1:
        return 0.0
    moved = part - done_part(pieces, done - recent, first)
    if moved > 0 and window_s > 0 and part >= ENOUGH:
        return window_s * (1 - part) / moved
    known = [cost for cost in costs if cost is not None]
    if not workers or not known or len(known) < len(costs):
        return None
    return (1 - part) * sum(weight(pieces, cost) for cost in known) / workers
