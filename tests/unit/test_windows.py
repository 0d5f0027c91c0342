"""How a long text is cut into windows, and how their tags become one row."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.answering.seams import join, seams
from models.text.tags import Chunk, chunks, scheme_of, tags_of
from models.windows import MOST_TOKENS, reach, windows

LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


@given(st.integers(1, 100_000), st.integers(1, 600))
def test_windows_cover_what_is_read_and_only_neighbours_overlap(tokens: int, longest: int) -> None:
    cut = windows(tokens, longest)
    read = min(tokens, reach(longest))
    if read <= longest:
        assert cut == ()
        return
    assert (cut[0][0], cut[-1][1]) == (0, read)
    assert all(end - start == longest for start, end in cut[:-1])
    assert all(end - later == longest // 4 for (_, end), (later, _) in pairwise(cut))
    assert all(early_end <= later for (_, early_end), (later, _) in zip(cut, cut[2:], strict=False))
    assert cut[-1][1] > cut[-2][1]
    assert len(cut) * longest <= MOST_TOKENS


def test_a_text_of_any_length_costs_at_most_four_arrays() -> None:
    assert [reach(longest) for longest in (128, 512, 40_000)] == [24_608, 24_704, 40_000]
    assert len(windows(10**6, 512)) == 64


@pytest.mark.parametrize(
    ("left", "right", "cut"),
    [
        ("OOOO oooo", "OOOO oooo", 6),
        ("OOOO oBIo", "OOoB IOOO", 5),
        ("OOOB IIII", "BIII IOOO", 8),
        ("OOOO BIII", "BIII IIOO", 4),
    ],
    ids=["in the middle", "beside a span", "a longer span than the overlap", "before a long span"],
)
def test_a_seam_lies_where_no_span_is(left: str, right: str, cut: int) -> None:
    """Two windows of 8 tokens that share 4."""
    rows = [_tags(left), _tags(right)]
    assert seams(rows, [(0, 8), (4, 12)], "bio") == (cut,)


def test_a_span_longer_than_the_overlap_stays_one() -> None:
    rows = [_tags("OOOB IIII"), _tags("BIII IOOO")]
    cut = [(0, 8), (4, 12)]
    numbers = [np.array([LABELS.index(tag) for tag in row]) for row in rows]
    joined = [LABELS[number] for number in join(numbers, seams(rows, cut, "bio"), cut)]
    assert chunks(joined, "bio") == [Chunk(3, 9, "PER")]


@given(st.integers(0, 10_000), st.sampled_from([LABELS, ("B", "E", "M", "S")]), st.integers(4, 40))
def test_spans_survive_the_windows_whole(seed: int, labels: tuple[str, ...], longest: int) -> None:
    """However long a span is: the windows see its parts, the joined row has it in one piece."""
    rng = np.random.default_rng(seed)
    spans = _drawn(rng, labels, longest)
    cut = windows(spans[-1].end, longest)
    rows = [_seen(spans, window, labels) for window in cut]
    joined = join([np.array(row) for row in rows], seams(rows, cut, scheme_of(labels)), cut)
    assert len(joined) == spans[-1].end
    assert chunks(joined.tolist(), scheme_of(labels)) == spans


def _tags(signs: str) -> list[str]:
    names = {"B": "B-PER", "I": "I-PER"}
    return [names.get(sign, "O") for sign in signs if sign != " "]


def _drawn(rng: np.random.Generator, labels: tuple[str, ...], longest: int) -> list[Chunk]:
    """Spans of 1 to `longest` tokens, one after another; with gaps where the labels allow any."""
    spans: list[Chunk] = []
    at = 0
    while at <= longest * rng.integers(1, 5):
        at += int(rng.integers(0, 3)) if "O" in labels else 0
        end = at + 1 + int(rng.integers(0, rng.choice([2, 5, longest])))
        spans.append(Chunk(at, end, "PER" if "O" in labels else "WORD"))
        at = end
    return [*spans, Chunk(at, at + 1, "LOC" if "O" in labels else "WORD")]


def _seen(spans: list[Chunk], window: tuple[int, int], labels: tuple[str, ...]) -> list[str]:
    """What a perfect model says of a window: the part of each span that it sees."""
    start, end = window
    parts = [
        Chunk(max(one.start, start) - start, min(one.end, end) - start, one.label)
        for one in spans
        if one.start < end and one.end > start
    ]
    return tags_of(parts, end - start, labels)
