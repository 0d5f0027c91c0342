"""Cutting a batch into padded shapes."""

from hypothesis import given
from hypothesis import strategies as st

from models.shapes import LENGTHS, ROWS, bucket, plan, steps


def test_bucket_is_the_smallest_step_that_holds() -> None:
    assert [bucket(n, LENGTHS) for n in (1, 16, 17, 512, 700)] == [8, 16, 24, 512, 700]


def test_texts_of_like_length_go_together() -> None:
    shapes = plan([400, 5, 7, 150] * 4)
    assert [(shape.length, shape.rows) for shape in shapes] == [(8, 8), (192, 4), (512, 4)]
    assert shapes[0].indices == [1, 5, 9, 13, 2, 6, 10, 14]


def test_a_few_short_texts_join_longer_ones_rather_than_cost_a_call() -> None:
    assert plan([20, 5, 7]) == [([1, 2, 0], 24, 3, 72)]


def test_a_text_beyond_the_budget_goes_alone() -> None:
    assert plan([600, 600], token_budget=100) == [([0], 600, 1, 600), ([1], 600, 1, 600)]


def test_nothing_gives_nothing() -> None:
    assert plan([]) == []


@given(st.lists(st.integers(1, 600)), st.integers(1, 20_000))
def test_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    shapes = plan(lengths, budget)
    assert sorted(i for shape in shapes for i in shape.indices) == list(range(len(lengths)))
    for indices, length, rows, padded in shapes:
        assert padded == length * rows
        assert len(indices) == rows <= max(ROWS)
        assert max(lengths[i] for i in indices) <= length
        assert rows == 1 or bucket(rows, ROWS) * length <= budget


def test_the_longest_texts_of_a_model_are_not_padded() -> None:
    assert plan([200, 197, 9], grid=steps(200)) == [([2, 1, 0], 200, 3, 600)]
    assert plan([200, 197], grid=LENGTHS) == [([1, 0], 256, 2, 512)]
    assert steps(64) == LENGTHS
    assert steps(10_000) == LENGTHS, "a text of 600 tokens is not padded to 10,000"
