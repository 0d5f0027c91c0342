"""A batch through the three stages: every item its own answer, and one bad text harms no other."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from schemas import wire
from schemas.question import Question
from schemas.record import Terminal
from schemas.task import Task
from tests.unit.worker_fakes import HashModel, Parsed, answer, batch, item, label_of
from workers.inference import ModelFailedError, isolate

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def answers_of(texts: list[str], model: HashModel | None = None) -> tuple[dict[int, str], Any]:
    answers, endings = answer(
        batch(*(item(n, text) for n, text in enumerate(texts))), model or HashModel(), NOW
    )
    return {one.item.offset: str(one.prediction.label) for one in answers}, endings


def test_every_text_gets_its_own_answer() -> None:
    chance = random.Random(1)
    texts = ["字" * chance.choice([1, 3, 17, 60, 200, 700]) + str(n) for n in range(300)]
    answers, endings = answers_of(texts)
    assert answers == {n: label_of(text) for n, text in enumerate(texts)}
    assert endings == []


def test_every_item_is_asked_its_own_task() -> None:
    class Echo(HashModel):
        def parse(self, questions: Sequence[Question]) -> list[Parsed]:
            named = [Question(f"{one.task} {one.text}") for one in questions]
            return super().parse(named)

    tasks = [Task.TAGGING, Task.SENTIMENT, Task.TAGGING]
    items = [replace(item(n, "same"), task=task) for n, task in enumerate(tasks)]
    answers, _ = answer(batch(*items), Echo(), NOW)
    said = {one.item.offset: one.prediction.label for one in answers}
    assert said == {n: label_of(f"{task} same") for n, task in enumerate(tasks)}


def test_texts_of_like_length_share_an_array() -> None:
    model = HashModel()
    answers_of(["a" * 14, "b" * 110] * 6, model)
    assert [(texts, length) for texts, length, _ in model.arrays] == [(6, 16), (6, 128)]


def test_the_answer_does_not_depend_on_the_company() -> None:
    texts = [f"text {n} " * (n % 9 + 1) for n in range(64)]
    together, _ = answers_of(texts)
    alone = {n: answers_of([text])[0][0] for n, text in enumerate(texts)}
    assert together == alone


@pytest.mark.parametrize(
    "word", ["unparsable", "featureless", "poison", "short", "infinite", "panic"]
)
@pytest.mark.parametrize("place", [0, 13, 39])
def test_a_bad_text_is_quarantined_and_its_neighbours_are_answered(word: str, place: int) -> None:
    texts = [f"text {n}" for n in range(40)]
    texts[place] = f"a {word} text"
    answers, (ending,) = answers_of(texts)
    assert answers == {n: label_of(text) for n, text in enumerate(texts) if n != place}
    assert (ending.state, ending.reason, ending.offset, ending.epoch) == (
        Terminal.QUARANTINED,
        "model_error",
        place,
        7,
    )
    assert wire.decode(ending.raw).text == texts[place]
    assert (ending.tenant, ending.job_id) == ("default", f"job-{place}")
    assert "text" not in ending.detail.replace("this text", "")


def test_several_bad_texts_are_all_found() -> None:
    texts = [f"text {n}" if n % 7 else f"poison {n}" for n in range(100)]
    answers, endings = answers_of(texts)
    assert sorted(ending.offset for ending in endings) == list(range(0, 100, 7))
    assert len(answers) == 100 - len(endings)


def test_a_batch_of_nothing_but_poison() -> None:
    answers, endings = answers_of(["poison a", "poison b"])
    assert answers == {}
    assert [ending.state for ending in endings] == [Terminal.QUARANTINED] * 2


def test_a_model_that_fails_its_own_samples_is_blamed_and_no_text() -> None:
    model = HashModel()
    model.broken = True
    with pytest.raises(ModelFailedError):
        answers_of(["innocent", "also innocent"], model)


def test_exhausted_memory_halves_the_array() -> None:
    model = HashModel()
    texts = [f"large {n}" for n in range(20)]
    answers, endings = answers_of(texts, model)
    assert len(answers) == 20
    assert endings == []
    assert [texts for texts, _, _ in model.arrays] == [
        20,
        10,
        5,
        2,
        3,
        5,
        2,
        3,
        10,
        5,
        2,
        3,
        5,
        2,
        3,
    ]


def test_an_item_without_memory_even_alone_is_neither_answered_nor_blamed() -> None:
    answers, endings = answers_of(["fine", "greedy", "also fine"])
    assert sorted(answers) == [0, 2]
    assert endings == []


def test_exhausted_memory_does_not_blame_the_model() -> None:
    model = HashModel()
    model.check_samples = lambda: pytest.fail("asked")  # type: ignore[method-assign]
    answers_of(["greedy", "fine"], model)


def test_what_is_late_expires_before_it_costs_anything() -> None:
    model = HashModel()
    late, timely = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
    answers, endings = answer(
        batch(item(0, "late", late), item(1, "in time", timely), item(2, "no hurry")), model, NOW
    )
    assert [one.item.offset for one in answers] == [1, 2]
    (ending,) = endings
    assert (ending.state, ending.reason, ending.raw) == (Terminal.EXPIRED, "deadline", None)
    assert (ending.offset, ending.job_id, ending.detail) == (
        0,
        "job-0",
        "the deadline passed before the answer",
    )
    assert [texts for texts, _, _ in model.arrays] == [2]


def test_a_shadow_answers_what_was_in_time_when_it_was_answered() -> None:
    late = replace(batch(item(0, "late", NOW - timedelta(seconds=1))), shadow=True)
    answers, endings = answer(late, HashModel(), NOW)
    assert ([one.item.offset for one in answers], endings) == ([0], [])


def test_a_batch_that_is_late_as_a_whole_does_not_touch_the_model() -> None:
    model = HashModel()
    model.broken = True
    answers, endings = answer(batch(item(0, "x", NOW - timedelta(days=1))), model, NOW)
    assert (answers, len(endings)) == ([], 1)


def test_isolate_finds_the_bad_and_keeps_the_order() -> None:
    def run(numbers: Any) -> list[int]:
        if any(number % 10 == 3 for number in numbers):
            raise ValueError
        return [number * 2 for number in numbers]

    got = isolate(range(25), run, lambda error: None)
    assert [one if isinstance(one, int) else "bad" for one in got] == [
        "bad" if number % 10 == 3 else number * 2 for number in range(25)
    ]


def test_isolate_needs_few_runs_for_one_bad_of_many() -> None:
    runs = []

    def run(numbers: Any) -> list[int]:
        runs.append(len(numbers))
        if 77 in numbers:
            raise ValueError
        return list(numbers)

    isolate(range(256), run, lambda error: None)
    assert len(runs) <= 2 * 8 + 1


class Twice(HashModel):
    """A model whose first network is unsure of texts that say so; the second reads them twice as
    long, and stumbles over some."""

    def __init__(self) -> None:
        super().__init__()
        self.again: list[int] = []
        """Texts of each array that the second network read."""

    def predict(self, features: Any) -> list[Any]:
        parsed = features[0]
        if len(parsed[0].ids) > len(parsed[0].text):
            self.again.append(len(parsed))
        if any("stumble" in one.text and len(one.ids) > len(one.text) for one in parsed):
            raise ValueError("not this one")
        found = super().predict(features)
        return [
            Parsed(one.ids * 2, one.text)
            if "unsure" in one.text and len(one.ids) == len(one.text)
            else prediction
            for one, prediction in zip(parsed, found, strict=True)
        ]


def test_those_that_go_on_are_planned_together_and_answered() -> None:
    model = Twice()
    texts = ["unsure " * n if n % 2 else "a" * n for n in (1, 2, 3, 20, 21, 30, 31) for _ in "ab"]
    answers, endings = answers_of(texts, model)
    assert answers == {n: label_of(text) for n, text in enumerate(texts)}
    assert endings == []
    assert model.again == [4, 4], "by length, from all arrays"


def test_one_that_fails_the_second_time_harms_no_other() -> None:
    texts = ["unsure one", "sure", "unsure stumble", "unsure two"]
    answers, (ending,) = answers_of(texts, Twice())
    assert answers == {n: label_of(texts[n]) for n in (0, 1, 3)}
    assert ending.offset == 2
