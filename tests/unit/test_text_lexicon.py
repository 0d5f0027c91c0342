"""Words of a lexicon in a text."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.text.features import FeatureConfig, columns
from models.text.lexicon import Lexicon, Match
from models.text.tokenizer import Tokenizer
from models.text.units import Spelt
from models.text.words import WordTokenizer
from schemas.errors import ArtifactError, DataError

LEXICON = Lexicon({"北京": "ns", "北京大学": "nt", "大学": "n", "newyork": "ns"})


def test_every_unit_knows_the_longest_word_it_begins_ends_or_is_inside_of() -> None:
    assert LEXICON.matches("在北京大学", longest=5) == [
        Match("", "", ""),
        Match("4nt", "", ""),
        Match("", "4nt", "2ns"),
        Match("2n", "4nt", ""),
        Match("", "", "4nt"),
    ]


def test_a_word_longer_than_the_longest_is_not_looked_for() -> None:
    assert LEXICON.matches("北京大学", longest=3)[0].begins == "2ns"


def test_units_may_be_words() -> None:
    assert LEXICON.matches(["New", "York"], longest=2) == [
        Match("2ns", "", ""),
        Match("", "", "2ns"),
    ]


@pytest.mark.parametrize("name", ["words.txt", "words.txt.gz"])
def test_a_dictionary_is_read(tmp_path: Path, name: str) -> None:
    content = "北京 99 ns\n大学 3 n\nNew York 50 ns\nＡＢ\n北海 7\n".encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    lexicon = Lexicon.read(path, least_count=5)

    assert lexicon.matches("北京", 2)[0].begins == "2ns"
    assert lexicon.matches(["new", "york"], 2)[0].begins == "2ns"
    assert lexicon.matches("ab", 2)[0].begins == "2"  # full width is folded; a count is optional
    assert len(lexicon) == 4  # without 大学


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a 1 n\n\nb 1 n\n", "line 2"), (b"\xff\xfe", "cannot be read"), (b"a 1 n\n", "no word")],
)
def test_what_is_no_dictionary_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        Lexicon.read(path, least_count=2)


def test_it_lies_beside_its_tokenizer_and_gives_the_same_columns(tmp_path: Path) -> None:
    config = FeatureConfig(lexicon=4, pairs=True, buckets=512)
    fitted = WordTokenizer.fit(["北京大学"], "character", 10, 1, LEXICON)
    fitted.save(tmp_path / "tokenizer.json")

    loaded = WordTokenizer.load(tmp_path / "tokenizer.json")

    before = columns("在北京大学", fitted, config)
    assert before.shape == (5, 1 + config.hashed)
    assert np.array_equal(before, columns("在北京大学", loaded, config))
    without = columns("在北京大学", WordTokenizer.fit(["北京大学"], "character", 10, 1), config)
    assert not np.array_equal(before, without)


def test_the_same_lexicon_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        LEXICON.save(tmp_path / name)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_a_dictionary_is_not_a_saved_lexicon(tmp_path: Path) -> None:
    (tmp_path / "lexicon.gz").write_bytes(gzip.compress("北京 99 ns\n".encode()))
    with pytest.raises(ArtifactError, match="not a saved lexicon"):
        Lexicon.load(tmp_path / "lexicon.gz")


def test_a_damaged_one_is_no_part_of_a_version(tmp_path: Path) -> None:
    LEXICON.save(tmp_path / "lexicon.gz")
    (tmp_path / "lexicon.gz").write_bytes((tmp_path / "lexicon.gz").read_bytes()[:-9])
    with pytest.raises(ArtifactError):
        Lexicon.load(tmp_path / "lexicon.gz")


def test_a_tokenizer_of_texts_brings_it_along(tmp_path: Path) -> None:
    config = FeatureConfig(kinds=True, lexicon=2, buckets=512)
    lexicon = Lexicon({"good": "+", "newyork": "ns"})
    Tokenizer.fit(["a good day"], 10, 1, "word", lexicon=lexicon).save(tmp_path / "tokenizer.json")

    (rows,) = Spelt(Tokenizer.load(tmp_path / "tokenizer.json"), config).encode(["Good New York !"])

    assert rows.shape == (4, 1 + config.hashed)
    good, new, york, mark = rows[:, 1:].tolist()
    assert good[0] != mark[0] == new[0], "only what is a word by itself has a kind"
    assert good[1:] == mark[1:]
    assert (new[1], york[3]) != (mark[1], mark[3])
