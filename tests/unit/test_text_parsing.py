"""Cleaning by pattern and stop words: stored with the tokenizer, linear, refused when wrong."""

import time
from pathlib import Path

import pytest
from tokenizers import normalizers

from models.text.cleaning import NAMED, ParsingConfig, Replacement, build
from models.text.tokenizer import UNKNOWN, Tokenizer
from schemas.errors import DataError, SettingsError

TEXTS = ["good food", "soo good", "play the music", "今天的天气真好", "so bad 0"] * 2


def cleaned(text: str, *names: str) -> str:
    steps = build(ParsingConfig(clean=names))
    return " ".join(normalizers.Sequence(steps).normalize_str(text).split())


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("url", "see https://a.b/c?d=e or www.x.org now", "see or now"),
        ("email", "ask joe.b+c@mail.example.com today", "ask today"),
        ("html", "<p class='x'>a &amp; b</p> 1 < 2 > 0", "a b 1 < 2 > 0"),
        ("mention", "@bob thanks @小明 a@b", "thanks a@b"),
        ("hashtag", "#win # 1 c#", "win # 1 c#"),
        ("number", "12,345.6 of v2", "0 of v0"),
        ("repeat", "sooooo goood 哈哈哈哈!!!!", "soo good 哈哈!!"),
    ],
)
def test_a_named_pattern_takes_out_what_it_names(name: str, text: str, left: str) -> None:
    assert cleaned(text, name) == left


def test_patterns_work_in_the_order_of_the_recipe() -> None:
    assert cleaned("<a>@bob</a>  hiiii", "html", "mention", "repeat") == "hii"


@pytest.mark.parametrize("name", NAMED)
def test_a_named_pattern_is_linear(name: str) -> None:
    (step, _) = build(ParsingConfig(clean=(name,)))
    for sign in ("a", "<a", "@", "a@", "a@b.", "http://", "0", "&a", "#", " ", "字"):
        started = time.process_time()
        step.normalize_str(sign * (200_000 // len(sign)))
        assert time.process_time() - started < 5


def test_a_version_keeps_what_its_recipe_takes_out(tmp_path: Path) -> None:
    (tmp_path / "stops.txt").write_text("The\n真\n")
    parsing = ParsingConfig(
        clean=("url", "repeat"),
        replace=(Replacement(pattern="(?i)bad", by="good"),),
        stop_words=str(tmp_path / "stops.txt"),
    )
    Tokenizer.fit(TEXTS, 100, parsing=parsing).save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")

    def same(one: str, other: str) -> bool:
        first, second = loaded.encode([one, other])
        return first.tolist() == second.tolist() and UNKNOWN not in first

    assert same("THE music http://x.y/z", "music")
    assert same("sooooo BAD", "soo good")
    assert same("天气真好", "天气好")
    assert not same("theme", "me")


def test_a_text_of_which_nothing_is_left_is_one_unknown_token() -> None:
    tokenizer = Tokenizer.fit(TEXTS, 100, parsing=ParsingConfig(clean=("url",)))
    assert tokenizer.encode(["https://a.b"])[0].tolist() == [UNKNOWN]


@pytest.mark.parametrize("name", ["zh", "en"])
def test_the_lists_that_come_along_spare_judgement_and_negation(name: str) -> None:
    steps = normalizers.Sequence(build(ParsingConfig(stop_words=name)))
    text = {"zh": "这个房间的服务不好", "en": "The room was not very good, but I don't hate it"}
    left = {"zh": "房间服务不好", "en": "room not very good, but don't hate"}
    assert " ".join(steps.normalize_str(text[name]).split()) == left[name]


@pytest.mark.parametrize(
    ("parsing", "message"),
    [
        (ParsingConfig(clean=("urls",)), "'urls' is none of url"),
        (ParsingConfig(replace=(Replacement(pattern="(a"),)), "no pattern"),
        (ParsingConfig(replace=(Replacement(pattern="(x+)+$"),)), "takes too long on 'x'"),
    ],
)
def test_a_wrong_table_is_refused(parsing: ParsingConfig, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build(parsing)


@pytest.mark.parametrize("content", [None, "\n \n"])
def test_a_file_of_stop_words_must_hold_some(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "stops.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match="stop_words"):
        build(ParsingConfig(stop_words=str(path)))
