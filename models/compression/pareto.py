"""Which of several versions are worth having: nobody else is better in everything. Pure."""

from collections.abc import Sequence

import msgspec

from schemas.errors import DataError


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One version that a search has made, or the one that it began with."""

    name: str
    """What was done, as `filters 0.5`."""
    directory: str
    build: str
    """The build that is served here, as `result.build` names it."""
    score: float
    """On the dev texts, 0 to 1."""
    loss: float
    """Points of the score that it lost."""
    texts_per_s: float
    """Over the grid of shapes, as it is served here."""
    ratio: float
    """Times as many texts a second as the version that the search began with."""
    bytes: int
    """Of its weights on the disk."""
    front: bool = False
    """Whether no other is at least as good in score, speed and size, and better in one."""


def marked(points: Sequence[Point]) -> list[Point]:
    """Return the points, fastest first, those of the Pareto front marked."""
    fastest = sorted(points, key=lambda one: (-one.texts_per_s, -one.score, one.bytes))
    return [
        msgspec.structs.replace(one, front=not any(_beats(other, one) for other in points))
        for one in fastest
    ]


def chosen(points: Sequence[Point], max_loss: float) -> Point:
    """Return the fastest that loses at most so many points; DataError where all lose more.

    Of equally fast ones that with the best score, then the smallest.
    """
    allowed = [one for one in points if one.loss <= max_loss]
    if not allowed:
        least = min(one.loss for one in points)
        raise DataError(
            f"every version found loses more than {max_loss} points, the best of them {least:.2f}: "
            "allow more with --max-loss"
        )
    return max(allowed, key=lambda one: (one.texts_per_s, one.score, -one.bytes))


def _beats(one: Point, other: Point) -> bool:
    ours, theirs = ((each.score, each.texts_per_s, -each.bytes) for each in (one, other))
    return ours != theirs and all(a >= b for a, b in zip(ours, theirs, strict=True))
