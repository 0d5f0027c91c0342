"""Token ids: Chinese by character, English by word piece, padding never out of a text."""

from pathlib import Path

import numpy as np
import pytest

from models.text.tokenizer import PAD, UNKNOWN, Tokenizer
from schemas.errors import ArtifactError, DataError

TEXTS = ["今天天气真好", "今天不好", "play the playlist", "play some music", "the music"] * 2


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.fit(TEXTS, vocabulary=200)


def test_chinese_is_cut_by_character(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode(["今天真好"])
    assert len(ids) == 4
    assert ids.dtype == np.int32
    assert UNKNOWN not in ids


def test_case_and_width_do_not_matter(tokenizer: Tokenizer) -> None:
    one, other = tokenizer.encode(["play THE music", "ｐｌａｙ  the music"])
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("text", ["", "  ", "\x00\u200b", "\ud800"])
def test_an_empty_text_is_one_unknown_token(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode([text])[0].tolist() == [UNKNOWN]


def test_no_text_gives_padding(tokenizer: Tokenizer) -> None:
    for ids in tokenizer.encode(["[PAD]", "[UNK] [PAD] 今天", "\ud800 play"]):
        assert PAD not in ids


def test_a_bad_text_does_not_change_its_neighbours(tokenizer: Tokenizer) -> None:
    alone = tokenizer.encode(["play the music"])[0]
    assert tokenizer.encode(["\udfff", "play the music", ""])[1].tolist() == alone.tolist()


def test_saved_and_loaded_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.size == tokenizer.size
    pairs = zip(loaded.encode(TEXTS), tokenizer.encode(TEXTS), strict=True)
    assert all(one.tolist() == other.tolist() for one, other in pairs)


def test_fitting_is_deterministic(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "one.json")
    Tokenizer.fit(TEXTS, vocabulary=200).save(tmp_path / "other.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(DataError, match="vocabulary"):
        Tokenizer.fit(["", " "], vocabulary=100)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ArtifactError, match="not a tokenizer"):
        Tokenizer.load(tmp_path / "tokenizer.json")
