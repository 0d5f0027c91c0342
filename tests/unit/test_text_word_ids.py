"""Ids by way of words: those that the tokenizer itself gives, whatever the text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as RustTokenizer

from models.text.cleaning import ParsingConfig
from models.text.tokenizer import Tokenizer
from models.text.vocabulary import WITHIN_WORDS, Unit
from models.text.word_ids import by_word

TEXTS = ["Don't play 3.5 songs at www.x.org, 今天天气真好!", "play some music", "今天 不好"] * 2
UNITS: tuple[Unit, ...] = ("subword", "character", "word", "chinese word")
PIECES = st.sampled_from(["play", "Play", "don't", "今天", "3.5", ",", "ß", "[UNK]", "x" * 30, " "])


def _both(tokenizer: Tokenizer, texts: list[str]) -> tuple[list[list[int]], list[list[int]]]:
    """The ids by way of words, and those of the Rust tokenizer asked for whole texts."""
    quick = [ids.tolist() for ids in tokenizer.encode(texts)]
    return quick, [ids for ids, _ in tokenizer.spelt(texts)]


def _by_word(tokenizer: Tokenizer, folder: Path) -> bool:
    tokenizer.save(folder / "tokenizer.json")
    return by_word(RustTokenizer.from_file(str(folder / "tokenizer.json")), WITHIN_WORDS)


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_gives_the_same_ids(unit: Unit, tmp_path: Path) -> None:
    tokenizer = Tokenizer.fit(TEXTS, vocabulary=100, min_frequency=1, unit=unit)
    assert _by_word(tokenizer, tmp_path)

    @settings(deadline=None)
    @given(st.lists(st.one_of(st.text(), st.lists(PIECES).map("".join)), max_size=6))
    def holds(texts: list[str]) -> None:
        for _ in range(2):  # the second time all words are known
            quick, slow = _both(tokenizer, texts)
            assert quick == slow

    holds()


def test_patterns_that_may_look_beyond_a_blank_are_left_to_the_tokenizer(tmp_path: Path) -> None:
    cleaned = ParsingConfig(clean=("number",))
    tokenizer = Tokenizer.fit(TEXTS, vocabulary=100, min_frequency=1, parsing=cleaned)
    assert not _by_word(tokenizer, tmp_path)
    quick, slow = _both(tokenizer, ["play 3.5 songs"])
    assert quick == slow
