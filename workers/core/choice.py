"""Which line goes first, when a worker has a place: two policies, both pure.

    by_cost   1. bulk work, in its turn: it waited BULK_PATIENCE_S beyond its time and the last
                 BULK_TURN batches had none of it
              2. whose deadline would be missed if something else went first: least slack
              3. interactive work before bulk work before what is too late anyway; there the head
                 that is due first
    oldest    the head that is due first; bulk work stands behind interactive work until it is
              BULK_PATIENCE_S overdue. The reference, and what holds while no cost is known.

So bulk work gets at least one batch in BULK_TURN + 1, whatever comes, and an interactive job waits
for at most one of them, which is a short one (`workers.core.allowance`).

Short texts do not go ahead of long ones for being cheap. On the device they are, but parsing and
writing cost every text the same; and a worker that computes long texts while it writes short ones
has more to do at a time. ARCHITECTURE.md has the figures.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from workers.core.line import Class, Line

BULK_PATIENCE_S: Final = 10.0
"""How long bulk work, once due, lets interactive work pass."""
BULK_TURN: Final = 7
"""Batches without bulk work after which bulk work that lost patience has its turn."""


class Candidate(NamedTuple):
    """A line that may go now, and what its batch would be."""

    line: Line
    slack_s: float
    """Until the moment at which its batch must have gone; `NEVER` without a deadline."""


def oldest(candidates: Sequence[Candidate], now: float) -> Line:
    """Return the line whose head is due first."""

    def rank(one: Candidate) -> tuple[bool, float]:
        due_at = one.line.due_at
        stands_behind = one.line.key.rank > Class.INTERACTIVE and now < due_at + BULK_PATIENCE_S
        return stands_behind, due_at

    return min(candidates, key=rank).line


def by_cost(candidates: Sequence[Candidate], now: float, urgent_s: float, passed: int) -> Line:
    """Return the line that should go first.

    Args:
        candidates: at least one.
        now: monotonic clock, in seconds.
        urgent_s: seconds that another batch would take.
        passed: batches that have gone since the last one with bulk work.
    """
    if passed >= BULK_TURN:
        overdue = [one for one in candidates if is_overdue_bulk(one.line, now)]
        if overdue:
            return min(overdue, key=lambda one: one.line.due_at).line
    best = min(one.line.key.rank for one in candidates)
    chosen = [one for one in candidates if one.line.key.rank == best]
    urgent = [one for one in chosen if one.slack_s <= urgent_s]
    if urgent:
        return min(urgent, key=lambda one: one.slack_s).line
    return min(chosen, key=lambda one: one.line.due_at).line


def is_overdue_bulk(line: Line, now: float) -> bool:
    """Whether this bulk work has let others pass for long enough."""
    return line.key.rank is Class.BULK and now - line.due_at >= BULK_PATIENCE_S
