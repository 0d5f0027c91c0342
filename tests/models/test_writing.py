"""What a course of written summaries learns from and is scored by."""

from pathlib import Path

import numpy as np
import pytest

from models.encoders.recurrent import RecurrentConfig
from models.heads.summarization import SummarizationConfig
from models.text.words import WordTokenizer
from models.training.batches import Batch
from models.training.config import Config, TokenizerConfig
from models.training.courses import Sources, prepare
from models.training.courses.writing import spread
from models.training.writing import Writing


def test_a_summary_is_encoded_by_the_numbers_of_its_source(tmp_path: Path) -> None:
    config = Config(
        tokenizer=TokenizerConfig(min_frequency=3),
        encoder=RecurrentConfig(length=12),
        head=SummarizationConfig(longest=4),
    )
    path = tmp_path / "one.jsonl"
    path.write_text('{"text": "a a a b b b New c c c", "summary": "new b Other a c"}')
    course = prepare(Sources(train=(path,), dev=(path,), lang="en"), config)
    known = {form: course.tokenizer.id(form) for form in "ab"}
    assert course.train.ids[0][6].tolist() == [1, course.tokenizer.size]
    expected = [course.tokenizer.size, known["b"], 1, known["a"]]
    assert course.train.labels[0].tolist() == expected, "cut to the longest summary"


def test_rouge_counts_characters_of_what_was_written_in_chinese() -> None:
    tokenizer = WordTokenizer.fit([["中", "国", "AI"]], "mixed", 9, min_frequency=1)
    objective = Writing(tokenizer, "zh", SummarizationConfig(), 0.1)
    china, ai = [tokenizer.id("中"), tokenizer.id("国")], tokenizer.id("ai")
    new = tokenizer.size
    labels = np.array([[*china, ai, 0], [*china, new, 1]], np.int32)
    batch = Batch(np.ones((2, 3, 2), np.int32), labels, np.arange(2))
    said = np.array([[*china, 0, 0], [new, 0, 0, 0]])
    scores = objective.scores([(batch, said)])
    first, second = 2 * 2 / (2 + 4), 2 * 1 / (1 + 4)
    assert scores["rouge_1"] == scores["rouge_l"] == pytest.approx((first + second) / 2)
    assert scores["texts"] == 2
    assert objective.scores([(batch, said[:, :0])]) == {}


def test_of_many_dev_texts_some_from_all_over_are_written() -> None:
    assert spread(range(7), 10) == range(7)
    assert list(spread(range(1000), 500)) == list(range(0, 1000, 2))
    assert list(spread(range(11), 5)) == [0, 3, 6, 9]
