"""The contiguous mark over delivered offsets, whatever the gaps and the order of settling."""

from hypothesis import given
from hypothesis import strategies as st

from workers.core.watermark import Watermark


def delivered(*offsets: int, start: int = 0) -> Watermark:
    mark = Watermark(1, start)
    for offset in offsets:
        mark.deliver(offset, 10)
    return mark


def test_it_begins_where_the_claim_says() -> None:
    assert delivered(start=7).next_offset == 7


def test_it_waits_for_the_first_open_record() -> None:
    mark = delivered(0, 1, 2)
    mark.settle(2)
    mark.settle(1)
    assert mark.next_offset == 0
    mark.settle(0)
    assert mark.next_offset == 3


def test_it_passes_over_offsets_that_were_never_delivered() -> None:
    mark = delivered(3, 9)
    mark.settle(3)
    assert mark.next_offset == 4
    mark.settle(9)
    assert mark.next_offset == 10


def test_settling_twice_or_settling_a_stranger_changes_nothing() -> None:
    mark = delivered(0, 1)
    for offset in (0, 0, 5):
        mark.settle(offset)
    assert (mark.next_offset, len(mark), mark.bytes) == (1, 1, 10)


def test_it_knows_what_is_open() -> None:
    mark = delivered(0, 1)
    mark.settle(0)
    assert 1 in mark
    assert 0 not in mark
    assert 2 not in mark


def test_it_follows_the_logs_position_where_nothing_is_open() -> None:
    mark = delivered(3)
    mark.reach(6)
    assert mark.next_offset == 0
    mark.settle(3)
    assert mark.next_offset == 6
    mark.reach(9)
    assert mark.next_offset == 9
    mark.reach(5)
    assert mark.next_offset == 9, "never backwards"


def test_a_position_does_not_pass_what_came_behind_it() -> None:
    mark = delivered(0)
    mark.reach(2)
    mark.deliver(2, 10)
    mark.settle(0)
    assert mark.next_offset in (1, 2)
    mark.settle(2)
    assert mark.next_offset == 3


@given(
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 99)), max_size=12),
    st.data(),
)
def test_it_agrees_with_a_naive_model(start, steps, data) -> None:
    mark, sizes, settled, offset = Watermark(1, start), {}, set(), start - 1
    for step, size in steps:
        offset += step
        sizes[offset] = size
        mark.deliver(offset, size)
        for chosen in data.draw(st.lists(st.sampled_from(sorted(sizes)), max_size=3)):
            before = mark.next_offset
            mark.settle(chosen)
            settled.add(chosen)
            still_open = [o for o in sizes if o not in settled]
            passed = [o for o in sizes if all(o < other for other in still_open)]
            assert mark.next_offset == max(passed, default=start - 1) + 1
            assert mark.next_offset >= before
            assert len(mark) == len(still_open)
            assert mark.bytes == sum(sizes[o] for o in still_open)
