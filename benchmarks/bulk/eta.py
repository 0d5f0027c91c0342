"""How well it was known when a job would be done. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

MOMENTS = (0.25, 0.5, 0.75)
"""Shares of the way at which is asked."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What `textmill bulk status` said at a moment."""

    at: float
    """Seconds since 1970."""
    share: float
    """Of the rows that had an answer."""
    submitting: bool
    """Whether part of the rows was not in the log yet."""
    eta_s: float | None
    per_s: float


def errors(told: Sequence[Told], end: float) -> dict[str, Any]:
    """Each of them beside what came.

    Args:
        told: at moments of the way.
        end: when the last answer came, in seconds since 1970.
    """
    return {f"{moment:.0%}": _error(one, end) for moment, one in zip(MOMENTS, told, strict=False)}


def _error(one: Told, end: float) -> dict[str, Any]:
    came_s = end - one.at
    known = one.eta_s is not None and came_s > 0
    return {
        "share": round(one.share, 3),
        "submitting": one.submitting,
        "per_s": one.per_s,
        "said_s": one.eta_s,
        "came_s": round(came_s, 1),
        "error": round(((one.eta_s or 0.0) - came_s) / came_s, 3) if known else None,
    }
