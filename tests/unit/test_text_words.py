"""The units that carry tags: cut, placed in the original text, known or unknown."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.features import FeatureConfig, columns
from models.text.words import PAD, UNKNOWN, Unit, WordTokenizer
from schemas.errors import ArtifactError, DataError

SENTENCES = [["The", "cat", "sat", "."], ["the", "dog", "ran", "."], ["北", "京", "北", "京"]]


def _tokenizer(unit: Unit) -> WordTokenizer:
    return WordTokenizer.fit(SENTENCES, unit, vocabulary=20, min_frequency=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't know, Ann's cat.", ["I", "do", "n't", "know", ",", "Ann", "'s", "cat", "."]),
        ("We’re in the U.S. now...", ["We", "’re", "in", "the", "U.S.", "now", "..."]),
        ("@ann #fun https://a.b/c?d 3.5%", ["@ann", "#fun", "https://a.b/c?d", "3.5", "%"]),
        ("  ﬁne\tday\u200b ", ["ﬁne", "day"]),
        ("café", ["café"]),
        ("", []),
        (" \n\x00 ", []),
    ],
)
def test_english_words_are_where_they_were(text: str, words: list[str]) -> None:
    assert [text[word.start : word.end] for word in _tokenizer("word").split(text)] == words


@pytest.mark.parametrize(
    ("text", "words", "forms"),
    [
        ("北京，２０", ["北", "京", "，", "２", "０"], ["北", "京", ",", "2", "0"]),
        ("好…A b", ["好", "…", "A", "b"], ["好", "...", "A", "b"]),
        ("\ufeff人\u200b民", ["人", "民"], ["人", "民"]),
    ],
)
def test_chinese_characters_are_where_they_were(
    text: str, words: list[str], forms: list[str]
) -> None:
    found = _tokenizer("character").split(text)
    assert [text[word.start : word.end] for word in found] == words
    assert [word.form for word in found] == forms


@given(st.text(), st.sampled_from(["character", "word"]))
def test_units_ascend_without_overlap(text: str, unit: Unit) -> None:
    end = 0
    for word in _tokenizer(unit).split(text):
        assert end <= word.start < word.end <= len(text)
        end = word.end


def test_ids_know_no_case_and_no_special_token(tmp_path: Path) -> None:
    tokenizer = _tokenizer("word")
    tokenizer.save(tmp_path / "tokenizer.json")
    for same in (tokenizer, WordTokenizer.load(tmp_path / "tokenizer.json")):
        assert same.id("THE") == same.id("the") > UNKNOWN
        assert {same.id(form) for form in ("cat", "", "[PAD]", "[pad]", "[UNK]")} == {UNKNOWN}
        assert [word.form for word in same.split("The cat.")] == ["The", "cat", "."]


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(ArtifactError, match="not a tokenizer"):
        WordTokenizer.load(tmp_path / "t.json")
    with pytest.raises(DataError, match="too few"):
        WordTokenizer.fit([["once"]], "word", 10)


def test_columns_tell_spellings_and_neighbours_apart() -> None:
    tokenizer = _tokenizer("word")
    spelling = FeatureConfig(prefixes=(1, 2), suffixes=(3,), shape=True, buckets=1000)
    rows = columns(["the", "The", "Zork"], tokenizer, spelling)
    assert rows.shape == (3, 1 + spelling.hashed)
    assert rows[0, :4].tolist() == rows[1, :4].tolist()
    assert rows[0, 4] != rows[1, 4]
    assert rows[2, 0] == UNKNOWN
    pairs = columns(["北", "京", "北"], tokenizer, FeatureConfig(pairs=True, buckets=1000))
    assert pairs[0, 0] == pairs[2, 0]
    assert pairs[0, 1] != pairs[2, 1]
    assert (columns([], tokenizer, spelling)[:, 0] == UNKNOWN).all()
    assert PAD not in np.concatenate([rows[:, 0], pairs[:, 0]])
