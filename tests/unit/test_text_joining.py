"""Words become a text again, in both languages."""

import pytest

from models.text.joining import gaps, join
from models.text.words import Word, WordTokenizer

SPLIT = WordTokenizer.fit([["x"]], "mixed", 10, 1).split


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("基 于 BERT 的 方 法", "基于BERT的方法"),
        ("We train a network , then test it .", "We train a network, then test it."),
        ("deep learning ( DL ) : a survey", "deep learning (DL): a survey"),
        ("state - of - the - art", "state-of-the-art"),
        ("deep learning 研 究", "deep learning研究"),
        ("do n't", "don't"),
        ("the model 's", "the model's"),
        ("", ""),
    ],
)
def test_blanks_stand_where_the_language_has_them(words: str, text: str) -> None:
    assert join(words.split(), {}) == text


@pytest.mark.parametrize("text", ["COVID-19 costs $5, e.g. here", "3 - 2 = 1 , or so", "A / B"])
def test_blanks_stand_where_the_source_has_them(text: str) -> None:
    words: list[Word] = SPLIT(text)
    assert join([word.form for word in words], gaps(words)) == text
