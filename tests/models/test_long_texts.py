"""Texts longer than the longest input: read whole, in windows, with one answer."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.live_model import LiveModel
from tests.models import tagger

STARTERS = Path(__file__).parents[2] / "models" / "starter"
LONG = "play the music " * 45 + "今天天气真好" * 20 + "book a table " * 20


@pytest.fixture(scope="module")
def classifier(version: Path) -> LiveModel:
    return LiveModel.load(version)


@pytest.fixture(scope="module")
def spans_en() -> LiveModel:
    return LiveModel.load(STARTERS / "ner-en")


def test_a_classifier_s_answer_is_the_mean_over_its_windows(classifier: LiveModel) -> None:
    (parsed,) = classifier.parse_texts([LONG])
    assert (len(parsed.ids), parsed.tokens, parsed.truncated) == (315, 315, False)
    assert [end - start for start, end in parsed.windows] == [100, 100, 100, 90]
    alone = [msgspec.structs.replace(parsed, ids=ids, windows=()) for ids in parsed.pieces]
    answers = classifier.predict_parsed(alone)
    assert len({answer.label for answer in answers}) > 1
    weights = [end - start for start, end in parsed.windows]
    (answer,) = classifier.predict_texts([LONG])
    for label, score in answer.scores.items():
        known = [one.scores[label] for one in answers if label in one.scores]
        if len(known) == len(answers):
            assert np.average(known, weights=weights) == pytest.approx(score, abs=1e-4)


def test_a_long_text_has_one_answer_alone_and_in_any_batch(classifier: LiveModel) -> None:
    texts = [LONG, "play the music", "the city " * 70, "", LONG[:-40], "no", LONG * 30]
    for text, answer in zip(texts, classifier.predict_texts(texts), strict=True):
        assert classifier.answerer.agree(classifier.predict_texts([text])[0], answer)
        assert sum(answer.scores.values()) <= 1.0001


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_long_tagged_text_has_one_answer_in_any_batch(lang: str, tmp_path: Path) -> None:
    model = LiveModel.load(tagger.write(tmp_path, lang))  # type: ignore[arg-type]
    one, *rest = tagger.TEXTS[lang]  # type: ignore[index]
    texts = [one * 20, *rest, (one + rest[-1]) * 9]
    for text, answer in zip(texts, model.predict_texts(texts), strict=True):
        assert model.answerer.agree(model.predict_texts([text])[0], answer)
        assert all(span.text == text[span.start : span.end] for span in answer.spans or ())


def test_every_name_of_a_long_text_is_found_whole(spans_en: LiveModel) -> None:
    """Whatever the distance of a name to the border between two windows."""
    sentence = "Maria Lopez lives in Toronto. "
    text = sentence * 260
    (short,), (answer,) = spans_en.predict_texts([sentence]), spans_en.predict_texts([text])
    assert [span.text for span in short.spans or ()] == ["Maria Lopez", "Toronto"]
    assert (answer.tokens, answer.truncated) == (6 * 260, False)
    found = [(span.start % len(sentence), span.text, span.label) for span in answer.spans or ()]
    assert found == [(span.start, span.text, span.label) for span in short.spans or ()] * 260


def test_a_mebibyte_is_answered_and_says_that_it_was_not_read_whole(classifier: LiveModel) -> None:
    text = "the music in the city " * (2**20 // 22)
    (answer,) = classifier.predict_texts([text])
    assert answer.truncated
    assert answer.tokens > 200_000
    assert answer.label in classifier.manifest.labels
