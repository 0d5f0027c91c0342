"""One spelling for texts that mean the same; an answer for every string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.normalise import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  a \t b\r\n c  ", "a b c"),
        ("ＡＢＣ１２３", "ABC123"),
        ("ﬁne", "fine"),
        ("你\u200b好\ufeff", "你好"),
        ("全角　空格", "全角 空格"),
        ("a\x00b\x07c", "abc"),
        ("half \ud83d pair", "half pair"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_folds(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text(st.characters(categories=None)))
def test_every_string_has_a_stable_answer_that_utf8_can_write(text: str) -> None:
    once = normalise(text)
    once.encode()
    assert normalise(once) == once
