"""A document as numbers, and its windows."""

from itertools import pairwise

import numpy as np
import pytest

from models.text import documents
from models.text.features import FeatureConfig
from models.text.sentences import Stretch
from models.text.words import WordTokenizer

TEXT = "The cat sat. A dog ran to the cat and the mat. Nothing!"
FEATURES = FeatureConfig(suffixes=(2,), buckets=16)


def _read(text: str) -> documents.Document:
    cut = [word.form for word in WordTokenizer.bare("word").split(TEXT)]
    tokenizer = WordTokenizer.fit([cut], "word", vocabulary=30, min_frequency=1)
    return documents.read(text, tokenizer, FEATURES, longest=20, clauses=False)


def test_every_unit_knows_its_sentence() -> None:
    document = _read(TEXT)
    assert document.sentences == ((0, 4), (4, 14), (14, 16))
    assert document.ids.shape == (16, 1 + 1 + documents.COLUMNS)
    number, order, place, length, likeness = document.ids[:, 2:].T
    assert number.tolist() == [1] * 4 + [2] * 10 + [3] * 2
    for column in (order, place, length, likeness):
        assert [len(set(column[start:end])) for start, end in document.sentences] == [1, 1, 1]
    assert likeness[4] > likeness[0] > likeness[14], "the second has most of the whole"
    columns = (order, place, length, likeness)
    tops = [column.max() for column in columns]
    lows = [column.min() for column in columns]
    assert lows[0] >= 1
    assert tops[-1] < documents.FACTS
    assert all(top < low for top, low in zip(tops, lows[1:], strict=False))


def test_facts_stay_in_their_table_however_long_the_document() -> None:
    ids = _read("One more. " * 500 + "word " * 60).ids
    assert ids[:, -documents.COLUMNS].max() == 503
    assert 0 < ids[:, 1 - documents.COLUMNS :].min() <= ids[:, 1 - documents.COLUMNS :].max()
    assert ids[:, 1 - documents.COLUMNS :].max() < documents.FACTS


def test_a_text_without_units_is_one_unknown_one() -> None:
    document = _read(" \n")
    assert document.sentences == ()
    assert document.ids[:, 0].tolist() == [1]


@pytest.mark.parametrize("seed", range(20))
def test_windows_hold_whole_sentences_and_cover_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    ends = np.cumsum(random.integers(1, 31, 80)).tolist()
    cut: list[Stretch] = list(zip([0, *ends], ends, strict=False))
    windows = documents.windows(cut, 100)
    starts = {start for start, _ in cut}
    assert (windows[0][0], windows[-1][1]) == (0, ends[-1])
    for (start, end), (after, beyond) in pairwise(windows):
        assert start < after <= end < beyond
        assert {after, start} <= starts
    assert all(end - start <= 100 and end in ends for start, end in windows)
    assert sum(after < end for (_, end), (after, _) in pairwise(windows)) > 3


def test_one_window_is_none() -> None:
    assert documents.windows([(0, 60), (60, 100)], 100) == ()
    assert documents.windows([], 100) == ()
