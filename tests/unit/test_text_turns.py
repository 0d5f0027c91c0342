"""Turns side by side in one array, and what goes where room is short."""

import numpy as np
import pytest

from models.text.turns import last, lay_out


def _ids(*numbers: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return np.array(numbers, dtype=np.int32)


@pytest.mark.parametrize(
    ("length", "tokens", "turns"),
    [
        (9, [1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 3, 3]),
        (5, [2, 3, 4, 5, 6], [1, 1, 2, 3, 3]),
        (3, [4, 5, 6], [1, 2, 2]),
        (2, [5, 6], [1, 1]),
        (1, [5], [1]),
    ],
)
def test_the_oldest_tokens_go_first(length: int, tokens: list[int], turns: list[int]) -> None:
    rows = lay_out([_ids(1, 2, 3), _ids(4), _ids(5, 6)], length)
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(rows, np.stack([tokens, turns], axis=-1))


def test_the_latest_turns_are_kept() -> None:
    assert [last("abc", most) for most in (5, 3, 2, 0)] == ["abc", "abc", "bc", ""]
