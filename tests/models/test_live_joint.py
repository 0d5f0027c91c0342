"""A joint version answers several tasks in one pass: each question as its task alone would."""

from pathlib import Path

import pytest

from models import artifact
from models.encoders.recurrent import CellsConfig
from models.live_model import LiveModel
from schemas.errors import UsageError
from schemas.question import Question
from schemas.task import Task
from tests.models import joint_version
from tests.models.joint_version import LABELS, TEXTS


@pytest.fixture(scope="module", params=[None, CellsConfig(units=5)], ids=["heads", "hybrid"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return joint_version.write(tmp_path_factory.mktemp("joint"), request.param)


@pytest.fixture(scope="module")
def model(directory: Path) -> LiveModel:
    return LiveModel.load(directory)


def test_it_gives_its_sample_answers_again(model: LiveModel) -> None:
    model.warm_up([(8, 1), (32, 4)])
    model.check_samples()
    assert model.traces == 1


def test_every_question_has_the_answer_of_its_task(model: LiveModel) -> None:
    asked = [Question(text, task=task) for text in TEXTS for task in LABELS] * 2
    answers = model.ask(asked)
    for question, answer in zip(asked, answers, strict=True):
        assert question.task is not None
        if question.task is Task.TAGGING:
            assert answer.spans is not None
            assert answer.label is None
        else:
            assert answer.label in LABELS[question.task]
            assert answer.spans is None
        (alone,) = model.of(question.task).ask([question])
        assert model.answerer.agree(alone, answer)
    assert len({answer.label for answer in answers}) > 2


def test_the_first_task_is_meant_where_none_is_named(model: LiveModel) -> None:
    (answer,) = model.predict_texts(["Ann Lee"])
    assert answer.label in LABELS[Task.CLASSIFICATION]


def test_a_text_longer_than_the_longest_input_has_all_answers(model: LiveModel) -> None:
    text = "Ann Lee paints in Rome, by the river. " * 9
    for task in LABELS:
        (answer,) = model.ask([Question(text, task=task)])
        (alone,) = model.of(task).ask([Question(text)])
        assert answer.tokens > 50
        assert model.answerer.agree(alone, answer)


def test_an_answer_of_another_task_never_agrees(model: LiveModel) -> None:
    label, spans = model.ask([Question("no", task=task) for task in (Task.SENTIMENT, Task.TAGGING)])
    assert not model.answerer.agree(label, spans)
    assert not model.answerer.agree(spans, label)


def test_a_task_that_it_does_not_answer_is_named(model: LiveModel) -> None:
    with pytest.raises(UsageError, match="joint answers classification, sentiment, tagging, not"):
        model.of(Task.SUMMARIZATION)


def test_the_manifest_keeps_every_task(directory: Path) -> None:
    assert artifact.verify(directory).tasks == LABELS
