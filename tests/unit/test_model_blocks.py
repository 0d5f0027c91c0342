"""Arrays of a network that goes along the tokens: in blocks of like length, within the budget."""

from hypothesis import given
from hypothesis import strategies as st

from models.blocks import BLOCK, ROWS, cut


@given(st.lists(st.integers(1, 600), max_size=700), st.integers(1, 20_000))
def test_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    shapes = cut(lengths, budget)
    assert sorted(i for shape in shapes for i in shape.indices) == list(range(len(lengths)))
    for indices, length, rows, padded in shapes:
        own = [lengths[i] for i in indices]
        assert own == sorted(own)
        assert (rows, length) == (len(own), own[-1])
        assert rows <= ROWS
        assert sum(own) <= padded
        assert rows == 1 or sum(own) <= budget
        assert rows <= BLOCK or padded <= budget


def test_texts_of_one_length_fill_whole_blocks() -> None:
    shapes = cut([200] * 100, 8192)
    assert [shape.rows for shape in shapes] == [32, 32, 32, 4]
    assert cut([16] * 300, 8192)[0].rows == ROWS
