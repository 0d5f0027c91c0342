"""Where sentences end, in both languages, and where they are in the original text."""

import pytest

from models.text.sentences import sentences
from models.text.words import UNITS, WordTokenizer
from schemas.model_version import Language


def _cut(text: str, lang: Language, longest: int = 100, clauses: bool = False) -> list[str]:
    tokenizer = WordTokenizer.fit([["a"]], UNITS[lang], vocabulary=3, min_frequency=1)
    words = tokenizer.split(text)
    cut = sentences(text, words, longest, clauses)
    assert [at for start, end in cut for at in range(start, end)] == list(range(len(words)))
    return [text[words[start].start : words[end - 1].end] for start, end in cut]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two there!", ["One here.", "Two there!"]),
        ("Is it 3.5? Yes: 3.5.", ["Is it 3.5?", "Yes: 3.5."]),
        ("As Lee et al. (2016) say, e.g. here.", ["As Lee et al. (2016) say, e.g. here."]),
        ("Dr. J. Lee left. It rained.", ["Dr. J. Lee left.", "It rained."]),
        ("He said “Yes.” Then (so it is.) She left.", None),
        ("It was i.e. small. iPhones go on.", ["It was i.e. small. iPhones go on."]),
        ("A title\n\nA text that\ngoes on.\n- one\n- two", None),
        ("Wait... What? no!", ["Wait...", "What?", "no!"]),
        ("No end", ["No end"]),
        ("", []),
    ],
)
def test_english(text: str, expected: list[str] | None) -> None:
    known = {
        "He": ["He said “Yes.”", "Then (so it is.)", "She left."],
        "A ": ["A title", "A text that\ngoes on.", "- one", "- two"],
    }
    assert _cut(text, "en") == (known[text[:2]] if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天好。明天呢？不知道！", ["今天好。", "明天呢？", "不知道！"]),
        ("“走吧。”他说。", ["“走吧。”", "他说。"]),
        (
            "方法有效(P<0.05).结果见图1.2.",
            ["方法有效(P<0.05).", "结果见图1.2."],
        ),
        ("第一；第二;第三", ["第一；", "第二;", "第三"]),
        ("等等……好", ["等等……", "好"]),
        ("标题\n正文，有话", ["标题", "正文，有话"]),
    ],
)
def test_chinese(text: str, expected: list[str]) -> None:
    assert _cut(text, "zh") == expected


def test_clauses_of_chinese_end_at_commas() -> None:
    assert _cut("先来，后到：好,是吧。1,000", "zh", clauses=True) == [
        *("先来，", "后到：", "好,", "是吧。", "1,000")
    ]


def test_what_never_stops_is_cut() -> None:
    assert _cut("a " * 7, "en", longest=3) == ["a a a", "a a a", "a"]
