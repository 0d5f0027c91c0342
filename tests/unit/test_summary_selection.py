"""Which sentences become a summary."""

import pytest

from models.answering.selection import choose

UNITS = [text.split() for text in ("a b c d", "x A B C y", "e f", "g h i j k l")]


@pytest.mark.parametrize(
    ("beliefs", "sentences", "longest", "expected"),
    [
        ((0.1, 0.2, 0.3, 0.4), 1, 99, [3]),
        ((0.1, 0.2, 0.3, 0.4), 2, 99, [2, 3]),
        ((0.1, 0.2, 0.3, 0.4), 2, 7, [3]),
        ((0.1, 0.2, 0.4, 0.3), 2, 6, [0, 2]),
        ((0.4, 0.3, 0.2, 0.1), 3, 99, [0, 2, 3]),
        ((0.4, 0.3, 0.2, 0.1), 3, 9, [0, 2]),
        ((0.1, 0.2, 0.3, 0.4), 4, 1, [3]),
        ((), 3, 99, []),
    ],
)
def test_the_best_that_fit_and_do_not_repeat(
    beliefs: tuple[float, ...], sentences: int, longest: int, expected: list[int]
) -> None:
    assert choose(beliefs, UNITS[: len(beliefs)], sentences, longest) == expected
