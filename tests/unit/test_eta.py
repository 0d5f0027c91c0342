"""When a bulk job will be done."""

import pytest

from workers.core.cost import Cost
from workers.core.eta import Piece, done_part, remaining_s, weight

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
