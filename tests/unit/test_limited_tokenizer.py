"""A tokenizer with fewer tokens cuts texts as far as it knows them."""

import numpy as np
import pytest

from models.text.tokenizer import UNKNOWN, Tokenizer
from models.text.vocabulary import Unit
from models.text.words import WordTokenizer

TEXTS = ["the low lower lowest", "the new newer newest", "the low new"] * 3 + ["zebra zebra"]


def _counts(tokenizer: Tokenizer) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    ids = np.concatenate(tokenizer.encode(TEXTS))
    return np.bincount(ids, minlength=tokenizer.size)


@pytest.mark.parametrize("unit", ["subword", "word", "character"])
def test_what_stays_is_cut_as_before(unit: Unit) -> None:
    whole = Tokenizer.fit(TEXTS, 60, 1, unit)
    small, kept = whole.limited(_counts(whole), whole.size * 4 // 5)
    assert small.size == len(kept) == whole.size * 4 // 5
    (before,), (after,) = whole.encode(["the low new"]), small.encode(["the low new"])
    np.testing.assert_array_equal(kept[after], before)


def test_a_piece_that_goes_falls_apart_into_its_parts() -> None:
    whole = Tokenizer.fit(TEXTS, 60, 1)
    small, kept = whole.limited(_counts(whole), whole.size - 1)
    gone = set(range(whole.size)) - set(kept.tolist())
    spelt = next(one for one, number in whole.spellings.items() if number in gone)
    (ids,) = small.encode([spelt])
    assert len(ids) == 2
    assert UNKNOWN not in ids


def test_a_chinese_word_that_goes_is_cut_smaller() -> None:
    texts = ["今天天气很好", "天气好", "今天很好"] * 20
    whole = Tokenizer.fit(texts, 40, 1, "chinese word")
    counts = np.bincount(np.concatenate(whole.encode(texts)), minlength=whole.size)
    small, _ = whole.limited(counts, whole.size - 1)
    assert small.size == whole.size - 1
    assert all(len(ids) for ids in small.encode(texts))


def test_a_tagger_forgets_rare_words() -> None:
    whole = WordTokenizer.fit([text.split() for text in TEXTS], "word", 60, 1)
    counts = np.zeros(whole.size, np.int64)
    counts[[whole.id("the"), whole.id("low")]] = 5
    small, kept = whole.limited(counts, 4)
    assert kept.tolist() == sorted([0, 1, whole.id("the"), whole.id("low")])
    assert small.id("zebra") == UNKNOWN
    assert small.form(small.id("low")) == "low"
