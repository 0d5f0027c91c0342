"""When a bulk job will be done."""

import random
from bisect import bisect

import pytest

from workers.core.cost import Cost
from workers.core.eta import Piece, done_part, going_on, remaining_s, to_come, weight

EVEN = [Piece(100, 1000)] * 10
COST = Cost(call_s=0.0, token_s=0.001)


def test_the_speed_that_was_seen_counts() -> None:
    assert remaining_s(EVEN, 250, 250, 10.0, [COST], 1) == pytest.approx(30.0)
    assert remaining_s(EVEN, 250, 250, 10.0, [None], 0) == pytest.approx(30.0)


def test_long_texts_at_the_end_weigh_more() -> None:
    pieces = [Piece(100, 1000), Piece(100, 9000)]

    assert done_part(pieces, 100, COST) == pytest.approx(0.1)
    assert done_part(pieces, 150, COST) == pytest.approx(0.55)
    assert remaining_s(pieces, 100, 100, 1.0, [COST], 1) == pytest.approx(9.0)


def test_before_anything_is_done_the_cost_model_speaks() -> None:
    assert remaining_s(EVEN, 0, 0, 0.0, [COST], 2) == pytest.approx(weight(EVEN, COST) / 2)
    assert remaining_s(EVEN, 0, 0, 0.0, [COST, COST], 1) == pytest.approx(20.0)
    assert remaining_s(EVEN, 0, 0, 0.0, [None], 1) is None
    assert remaining_s(EVEN, 0, 0, 0.0, [COST], 0) is None


def test_after_a_pause_the_last_seconds_do_not_count_as_slow() -> None:
    assert remaining_s(EVEN, 500, 0, 0.0, [COST], 1) == pytest.approx(5.0)


def test_the_end_and_nothing() -> None:
    assert remaining_s(EVEN, 1000, 0, 0.0, [None], 0) == 0.0
    assert remaining_s([], 0, 0, 0.0, [COST], 1) == 0.0
    assert weight([Piece(2, 8)], Cost(0, 0, 1.0)) == pytest.approx(32.0)


LENGTHS = {
    "alike": lambda part: 40,
    "growing": lambda part: 20 + 160 * part,
    "long at the end": lambda part: 30 if part < 0.7 else 240,
    "long at the beginning": lambda part: 240 if part < 0.2 else 30,
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", LENGTHS)
def test_at_a_quarter_of_the_way_it_errs_by_15_percent_at_most(shape: str, seed: int) -> None:
    """The device is a third slower than its cost model says, and no batch takes what it should."""
    chance, cost = random.Random(seed), Cost(call_s=0.01, token_s=2e-5, pair_s=2e-8)
    pieces, ends, now = [], [0.0], 0.0
    for number in range(200):
        length = LENGTHS[shape](number / 200) * chance.uniform(0.7, 1.3)
        piece = Piece(5000, round(5000 * length))
        pieces.append(piece)
        for _ in range(50):  # a hundred documents at a time
            now += weight([piece], cost) / 50 * 1.33 * chance.lognormvariate(0, 0.3)
            ends.append(now)

    def done(at: float) -> int:
        return 100 * (bisect(ends, at) - 1)

    at, window = now / 4, 30.0
    left = remaining_s(pieces, done(at), done(at) - done(at - window), window, [cost], 1)

    assert left == pytest.approx(now - at, rel=0.15)


def test_rows_that_are_not_read_yet_are_thought_to_be_as_those_that_are() -> None:
    pieces = [Piece(90, 1000), Piece(30, 200)]

    assert to_come(pieces, 150, 600) == Piece(360, 3600)
    assert to_come(pieces, 150, 150) == Piece(0, 0)
    assert to_come(pieces, 150, 149) == Piece(0, 0)
    assert to_come([], 0, 600) == Piece(0, 0)


STEADY = [(30.0 - n / 4, 100) for n in range(120)]
"""Four batches a second, the last one a quarter of a second ago."""


def still(begin: float, end: float) -> list[tuple[float, int]]:
    """The same, but for a while in which nothing came."""
    return [(age, number) for age, number in STEADY if not end < age < begin]


@pytest.mark.parametrize(
    ("came", "number", "seconds"),
    [
        ([], 0, 0.0),
        ([(4.0, 7)], 7, 4.0),
        (STEADY, 12_000, 30.0),
        (still(20.0, 12.0), 4000, 10.0),
        (still(31.0, 12.0), 4000, 10.0),  # longer than is looked back
        (still(20.0, 18.0), 11_300, 30.0),  # too short a while
        (still(10.0, 3.0), 9300, 30.0),  # too short ago
        ([one for one in still(29.0, 24.0) if not 9.0 < one[0] < 15.0], 2800, 7.0),  # the last one
        ([(28.0, 5), (20.0, 5), (11.0, 5), (2.0, 5)], 20, 28.0),  # slow batches
    ],
)
def test_a_while_in_which_nothing_came_does_not_count(
    came: list[tuple[float, int]], number: int, seconds: float
) -> None:
    assert going_on(came, 30.0) == (number, seconds)


def test_the_speed_is_that_of_before_when_work_goes_on_again() -> None:
    for came in (STEADY, still(25.0, 15.0), still(17.0, 7.0)):
        number, seconds = going_on(came, 30.0)
        assert number / seconds == pytest.approx(400, rel=0.02)


@pytest.mark.parametrize("since", [26.0, 15.0, 8.0])
def test_a_burst_after_a_standstill_is_no_speed(since: float) -> None:
    burst = [(since - n / 50, 100) for n in range(32)]
    came = sorted([*still(31.0, since), *burst], reverse=True)

    number, seconds = going_on(came, 30.0)

    assert number / seconds == pytest.approx(400, rel=0.05)
