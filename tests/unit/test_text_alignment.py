"""Normalisation with places: the same text as `normalise`, and every character's origin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.alignment import align
from models.text.normalise import normalise


@pytest.mark.parametrize(
    ("text", "folded", "origins"),
    [
        ("ab c", "ab c", ["a", "b", " ", "c"]),
        ("ﬁne", "fine", ["ﬁ", "ﬁ", "n", "e"]),
        ("１２ｋ", "12k", ["１", "２", "ｋ"]),
        ("e\u0301t", "ét", ["e\u0301", "t"]),
        ("a\u200bb", "ab", ["a", "b"]),
        ("好…", "好...", ["好", "…", "…", "…"]),
        ("ｶﾞ", "ガ", ["ｶﾞ"]),
        ("\u1112\u1161\u11ab", "한", ["\u1112\u1161\u11ab"]),
        ("", "", []),
    ],
)
def test_every_character_knows_its_origin(text: str, folded: str, origins: list[str]) -> None:
    aligned = align(text)
    assert aligned.text == folded
    pairs = zip(aligned.starts, aligned.ends, strict=True)
    assert [text[start:end] for start, end in pairs] == origins


TEXTS = st.text(
    st.characters(max_codepoint=0x2FFFF) | st.sampled_from("ab e\u0301ﬁ…１\u200b\ud800好")
)


@given(TEXTS)
def test_the_text_is_that_of_normalise(text: str) -> None:
    assert " ".join(align(text).text.split()) == normalise(text)


@given(TEXTS)
def test_origins_ascend_and_lie_in_the_text(text: str) -> None:
    aligned = align(text)
    assert list(aligned.starts) == sorted(aligned.starts)
    assert all(
        0 <= start < end <= len(text)
        for start, end in zip(aligned.starts, aligned.ends, strict=True)
    )
