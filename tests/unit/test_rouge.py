"""ROUGE against the `rouge-score` package, by hand in Chinese, and best over references."""

import random

import pytest
from rouge_score.rouge_scorer import RougeScorer

from models.training.rouge import Rouge, mean_rouge, rouge, units

TEXTS = (
    "We show that a tiny network, trained once, answers well.",
    "we show THAT a network answers; it's 3.5 times faster",
    "Nothing in common here",
    "one",
    "",
    "— …",
    "a b a b a b c",
    "b a b a c c",
)


def _random_texts(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices("abcdef", k=draw.randint(0, 40))) for _ in range(count)]


def test_english_is_what_the_reference_package_gives() -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    texts = [*TEXTS, *_random_texts(1, 12)]
    for summary in texts:
        for reference in texts:
            expected = scorer.score(reference, summary)
            kinds = ("rouge1", "rouge2", "rougeL")
            for mine, kind in zip(rouge(summary, [reference], "en"), kinds, strict=True):
                assert mine == pytest.approx(expected[kind].fmeasure), (summary, reference, kind)


def test_chinese_is_counted_by_character() -> None:
    assert units("水 果\n保鲜", "zh") == ["水", "果", "保", "鲜"]
    got = rouge("果蔬保鲜技术", ["果蔬贮藏保鲜"], "zh")
    assert got == Rouge(pytest.approx(4 / 6), pytest.approx(2 / 5), pytest.approx(4 / 6))
    assert rouge("鲜保", ["保鲜"], "zh") == (1.0, 0.0, 0.5)


def test_of_several_references_each_score_takes_its_best() -> None:
    given = "a b c d"
    references = ["d c b a", "x b c x"]
    one, other = (rouge(given, [reference], "en") for reference in references)
    assert one.rouge_1 > other.rouge_1
    assert one.rouge_2 < other.rouge_2
    assert rouge(given, references, "en") == Rouge(*map(max, one, other))


def test_the_mean_is_over_texts() -> None:
    got = mean_rouge(["a b", "a"], [["a b"], ["b", "c"]], "en")
    assert got == {"rouge_1": 0.5, "rouge_2": 0.5, "rouge_l": 0.5}
