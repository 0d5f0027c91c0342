"""The starter versions: whole, right about their samples, better than trivial models."""

import os
from pathlib import Path

import pytest

from models.live_model import LiveModel
from models.training.scoring import evaluate
from models.training.starters import STARTER_DIRECTORY, STARTERS, Starter
from schemas.prediction import Prediction

DATA = Path(__file__).parents[3] / "shared" / "data"
FLOORS = {
    "topic-zh": ("accuracy", 0.746),
    "intent-en": ("accuracy", 0.867),
    "banking-en": ("accuracy", 0.839),
    "sentiment-zh": ("accuracy", 0.762),
    "sentiment-en": ("accuracy", 0.669),
    "words-zh": ("accuracy", 0.671),
    "ner-zh": ("entity_f1", 0.028),
    "pos-en": ("accuracy", 0.862),
    "ner-en": ("entity_f1", 0.441),
    "summary-zh": ("rouge_l", 0.315),
    "summary-en": ("rouge_l", 0.226),
}
"""Scores on the test file of multinomial naive Bayes over 1- and 2-grams, of the most frequent tag
of each token, and of the beginning of each text."""
LABELS = {
    "topic-zh": 13,
    "intent-en": 150,
    "banking-en": 77,
    "sentiment-zh": ("negative", "positive"),
    "sentiment-en": ("negative", "neutral", "positive"),
    "words-zh": ("B", "E", "M", "S"),
    "ner-zh": ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O"),
    "pos-en": 17,
    "ner-en": 11,
    "summary-zh": (),
    "summary-en": (),
}
CLEAR = {
    "topic-zh": {"肺癌患者术后化疗的临床疗效观察": "医学"},
    "intent-en": {"please play my favourite song": "play_music", "what is the weather": "weather"},
    "banking-en": {"I lost my card, what now?": "lost_or_stolen_card"},
    "sentiment-zh": {
        "房间很干净，服务很好，下次还会来": "positive",
        "太差了，再也不来": "negative",
    },
    "sentiment-en": {"Thank you so much, this is amazing!": "positive", "I hate this": "negative"},
    "words-zh": {"中国 的 历史": "中国 的 历史"},
    "ner-zh": {"毛泽东在北京出生。": "PER 毛泽东 LOC 北京"},
    "pos-en": {"The dog sleeps .": "DET The NOUN dog VERB sleeps PUNCT ."},
    "ner-en": {"Maria Lopez lives in Toronto.": "PER Maria Lopez LOC Toronto"},
    "summary-zh": {
        "稻田养鸭是一种传统的生态种养模式。本文研究了稻鸭共作对土壤肥力和水稻产量的影响。结果表明，"
        "稻鸭共作提高了土壤肥力。": "稻鸭共作对土壤肥力和水稻产量的影响"
    },
    "summary-en": {
        "Street lamps burn all night. In this paper, we present a lamp that dims when nobody is "
        "near. It saves half of the power.": "We present a lamp that dims when nobody is near."
    },
}


@pytest.fixture(scope="module", params=STARTERS, ids=lambda starter: starter.name)
def starter(request: pytest.FixtureRequest) -> tuple[Starter, LiveModel]:
    return request.param, LiveModel.load(STARTER_DIRECTORY / request.param.name)


def test_its_samples_hold(starter: tuple[Starter, LiveModel]) -> None:
    facts, model = starter
    model.check_samples()
    assert model.manifest.samples
    assert model.manifest.warm_up
    assert (model.manifest.name, model.manifest.task) == (facts.name, facts.task)
    assert model.manifest.languages == (facts.lang,)


def test_its_labels_are_right(starter: tuple[Starter, LiveModel]) -> None:
    facts, model = starter
    labels, expected = model.manifest.labels, LABELS[facts.name]
    assert (len(labels) if isinstance(expected, int) else labels) == expected


def test_its_answers_are_sensible(starter: tuple[Starter, LiveModel]) -> None:
    facts, model = starter
    answers = model.predict_texts(list(CLEAR[facts.name]))
    assert [_said(answer) for answer in answers] == list(CLEAR[facts.name].values())


def _said(answer: Prediction) -> str | None:
    """The label, the summary, the words, or every span with its label."""
    if answer.spans is None:
        return answer.label or answer.summary
    parts = [[span.label, span.text] for span in answer.spans]
    return (
        " ".join(text for label, text in parts)
        if parts[0][0] == "WORD"
        else (" ".join(f"{label} {text}" for label, text in parts))
    )


def test_its_manifest_states_its_scores(starter: tuple[Starter, LiveModel]) -> None:
    facts, model = starter
    metric, floor = FLOORS[facts.name]
    assert model.manifest.metrics[f"test_{metric}"] > floor


def test_it_beats_a_trivial_model_on_the_test_texts(starter: tuple[Starter, LiveModel]) -> None:
    facts, model = starter
    paths = [DATA / corpus / "test.jsonl.gz" for corpus in facts.corpora]
    if not all(path.exists() for path in paths):
        if os.environ.get("CI"):
            pytest.fail(f"the corpora {facts.corpora} are missing")
        pytest.skip(f"the corpora {facts.corpora} are not here")
    metric, floor = FLOORS[facts.name]
    results = [evaluate(model, path).metrics for path in paths]
    assert results[0][metric] > floor
    if len(results) == 1:
        stated = model.manifest.metrics[f"test_{metric}"]
        assert results[0][metric] == pytest.approx(stated, abs=2e-3)
