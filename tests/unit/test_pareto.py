"""The Pareto front, and the one that is chosen."""

from typing import Any

import pytest

from models.compression.pareto import Point, chosen, marked
from schemas.errors import DataError


def _point(name: str, loss: float, texts_per_s: float, size: int) -> Point:
    facts: dict[str, Any] = {
        "directory": name,
        "build": "keras",
        "ratio": texts_per_s / 100,
        "bytes": size,
    }
    return Point(name=name, score=0.9 - loss / 100, loss=loss, texts_per_s=texts_per_s, **facts)


POINTS = [
    _point("whole", 0.0, 100, 1000),
    _point("half", 0.4, 180, 500),
    _point("worse half", 0.5, 180, 500),
    _point("small", 2.0, 400, 100),
    _point("slow and small", 0.4, 90, 90),
]


def test_nobody_on_the_front_is_beaten_in_everything() -> None:
    found = marked(POINTS)
    assert [one.name for one in found if one.front] == ["small", "half", "whole", "slow and small"]
    assert [one.texts_per_s for one in found] == [400, 180, 180, 100, 90]


def test_equals_are_both_on_the_front() -> None:
    assert all(one.front for one in marked([POINTS[0], POINTS[0]]))


@pytest.mark.parametrize(("most", "name"), [(0.0, "whole"), (0.45, "half"), (2.0, "small")])
def test_the_fastest_that_is_good_enough(most: float, name: str) -> None:
    assert chosen(POINTS, most).name == name


def test_none_is_good_enough() -> None:
    with pytest.raises(DataError, match=r"0\.40.*--max-loss"):
        chosen(POINTS[1:], 0.1)
