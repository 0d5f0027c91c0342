"""What one token is: sub-words, characters, words, and Chinese words learnt from raw text."""

import random
from pathlib import Path

import numpy as np
import pytest

from models.text.tokenizer import PAD, UNKNOWN, Tokenizer
from models.text.vocabulary import Unit
from models.text.word_model import learn

WORDS = ("北京", "上海", "天气", "公园", "散步", "我", "在", "很", "好", "图书馆")
UNITS: tuple[Unit, ...] = ("subword", "character", "word", "chinese word")


def sentences(count: int) -> list[list[str]]:
    chance = random.Random(1)
    return [chance.choices(WORDS, k=chance.randint(3, 8)) for _ in range(count)]


@pytest.fixture(scope="module", params=UNITS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    texts = ["play the music", "don't play", "play some music, please"] * 3
    texts += ["".join(one) for one in sentences(60)]
    return Tokenizer.fit(texts, 200, unit=request.param)


def test_every_unit_keeps_the_promises_of_a_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = [
        "",
        "\ud800",
        "[PAD] [UNK]",
        "play 北京 music",
        "完全不同",
        "x" * 5000,
        "PLAY the ｍusic",
    ]
    encoded = tokenizer.encode(texts)
    assert all(ids.dtype == np.int32 and len(ids) and PAD not in ids for ids in encoded)
    assert all(ids.max() < tokenizer.size for ids in encoded)
    assert encoded[0].tolist() == [UNKNOWN]
    assert UNKNOWN in encoded[4]
    tokenizer.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path / "tokenizer.json").encode(texts)
    assert [ids.tolist() for ids in again] == [ids.tolist() for ids in encoded]


@pytest.mark.parametrize(
    ("unit", "count"), [("subword", 7), ("character", 14), ("word", 3), ("chinese word", 4)]
)
def test_a_unit_is_what_its_name_says(unit: Unit, count: int) -> None:
    texts = ["play music", "北京图书馆"] * 3 + ["".join(one) for one in sentences(60)]
    tokenizer = Tokenizer.fit(texts, 200, unit=unit)
    (ids,) = tokenizer.encode(["play music 北京图书馆"])
    assert len(ids) == count


def test_chinese_words_are_found_without_a_dictionary() -> None:
    texts = sentences(300)
    tokenizer = Tokenizer.fit(["".join(one) for one in texts], 60, unit="chinese word")
    cuts = tokenizer.encode(["".join(one) for one in texts])
    right = sum(len(ids) == len(words) for ids, words in zip(cuts, texts, strict=True))
    assert right > 0.8 * len(texts)


def test_the_same_text_gives_the_same_words_whatever_its_order() -> None:
    runs = {"".join(one): 1 + number % 3 for number, one in enumerate(sentences(200))}
    other = dict(sorted(runs.items()))
    assert learn(runs, 50, 2) == learn(other, 50, 2)


def test_every_character_is_a_word_and_the_size_holds() -> None:
    runs = {"".join(one): 1 for one in sentences(50)}
    found = [form for form, _ in learn(runs, 25, 2)]
    assert {character for run in runs for character in run} <= set(found)
    assert len(found) == len(set(found)) <= 25
