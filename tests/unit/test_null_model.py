"""`--model null`: answers without a model, and a device that only sleeps."""

import pytest

from models.shapes import plan
from schemas.errors import UsageError
from schemas.question import Question
from workers.null_model import LABELS, Cost, NullModel, cost_of


def test_a_text_has_its_words_as_tokens_and_always_the_same_label() -> None:
    model = NullModel(Cost())
    first, second, again = model.parse([Question("a b c"), Question("x"), Question("a b c")])
    answers = model.predict(model.features([first, second, again], 8, 3))
    assert [len(one.ids) for one in (first, second, again)] == [3, 1, 3]
    assert [answer.tokens for answer in answers] == [3, 1, 3]
    assert answers[0] == answers[2]
    assert {answer.label for answer in answers} <= set(LABELS)


def test_the_device_sleeps_for_every_array_and_every_padded_token() -> None:
    slept: list[float] = []
    model = NullModel(Cost(call_s=0.5, token_s=0.001), slept.append)
    parsed = model.parse([Question("a " * words) for words in (3, 4, 300)])
    for shape in plan([len(one.ids) for one in parsed]):
        chosen = [parsed[index] for index in shape.indices]
        model.predict(model.features(chosen, shape.length, shape.rows))
    assert slept == pytest.approx([0.5 + 0.001 * 16, 0.5 + 0.001 * 384])


def test_without_a_cost_it_never_sleeps() -> None:
    slept: list[float] = []
    model = NullModel(Cost(), slept.append)
    model.predict(model.features(model.parse([Question("a")]), 8, 1))
    assert slept == []


def test_costs_are_given_in_milliseconds_and_microseconds() -> None:
    assert cost_of("null") == Cost()
    assert cost_of("null:4,2.5") == Cost(call_s=0.004, token_s=2.5e-6)


@pytest.mark.parametrize("name", ["nil", "null:1", "null:a,b", "null:-1,0", "null:nan,0", "topics"])
def test_another_name_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(UsageError, match="write `null`"):
        cost_of(name)
