"""A summarising version: the batch contract, copied words, a single trace; and it learns."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.answering.summaries import SummaryAnswerer
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from tests.models import summarizer
from tests.models.summarizer import ENCODER, HEAD, TEXTS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LiveModel:
    return LiveModel.load(summarizer.write(tmp_path_factory.mktemp("summaries")))


def test_a_loaded_version_gives_the_answers_it_gave_when_it_was_made(model: LiveModel) -> None:
    model.check_samples()
    answers = model.predict_texts(TEXTS)
    assert len({answer.summary for answer in answers}) == len(TEXTS)
    for text, answer in zip(TEXTS, answers, strict=True):
        assert bool(answer.summary) == bool(text)
        assert 0 <= (answer.score if answer.score is not None else -1) <= 1
        assert answer.label is None
        assert answer.spans is None


def test_a_text_has_one_answer_alone_and_in_any_batch(model: LiveModel) -> None:
    together = model.predict_texts(TEXTS * 3)
    for number, answer in enumerate(together):
        alone = model.predict_texts([TEXTS[number % len(TEXTS)]])[0]
        assert model.answerer.agree(alone, answer)


@pytest.mark.parametrize(("length", "rows"), [(40, 1), (64, 3)])
def test_padding_never_changes_an_answer(model: LiveModel, length: int, rows: int) -> None:
    for text in TEXTS:
        parsed = model.parse_texts([text])
        (tight,) = model.predict(model.features(parsed, len(parsed[0].ids), 1))
        (padded,) = model.predict(model.features(parsed, length, rows))
        assert model.answerer.agree(tight, padded)


def test_one_trace_whatever_the_shape(model: LiveModel) -> None:
    model.warm_up([(8, 1), (32, 4)])
    model.predict_texts(TEXTS)
    assert model.traces == 1


def test_a_long_text_is_cut_and_says_so(model: LiveModel) -> None:
    (answer,) = model.predict_texts(["word " * 50])
    assert (answer.tokens, answer.truncated) == (50, True)


def test_a_summary_keeps_the_limits(model: LiveModel) -> None:
    outputs = [array.numpy() for array in model.answerer.run(_ids(model, TEXTS))]
    for row in outputs[0]:
        said = [number for number in row if number]
        assert HEAD.shortest <= len(said) <= HEAD.longest
        assert not any(row[len(said) :])
        pairs = list(pairwise(said))
        assert len(set(pairs)) == len(pairs)
        assert 1 not in said


def _ids(model: LiveModel, texts: "tuple[str, ...]") -> Any:
    parsed = model.parse_texts(texts)
    return tf.constant(model.features(parsed, ENCODER.length, len(texts)).ids)


def test_numbers_are_spelt_as_the_source_spells_them(model: LiveModel) -> None:
    text = "In MoSCoW the Zyx-7 costs $5."
    (parsed,) = model.parse_texts([text])
    answerer = model.answerer
    assert isinstance(answerer, SummaryAnswerer)
    numbers = parsed.ids[:, -1]
    (answer,) = answerer.decode([numbers[None], np.array([0.5])], [parsed])
    assert answer.summary == text
    assert len({int(number) for number in numbers}) == len(parsed.words)
    (answer,) = answerer.decode([numbers[None, 1:3], np.array([0.5])], [parsed])
    assert answer.summary == "MoSCoW the"


def test_a_tokenizer_of_texts_is_refused(version: Path) -> None:
    with pytest.raises(ArtifactError, match="not a tokenizer"):
        SummaryAnswerer.load(version / "tokenizer.json")
