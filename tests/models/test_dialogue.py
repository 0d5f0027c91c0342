"""The dialogue encoder on a task that the history decides, and the limits of what it reads."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.live_model import LiveModel
from models.training import data
from models.training.data import Example
from schemas.question import Question
from tests.dialogues import FLIGHT_LAST, HOTEL_LAST


@pytest.fixture(scope="module")
def live(orders: Path) -> LiveModel:
    return LiveModel.load(orders)


def _best_by(key: Callable[[Example], Hashable], examples: Sequence[Example]) -> float:
    """The accuracy that nobody exceeds who knows of an example what `key` tells of it."""
    labels: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for one in examples:
        labels[key(one)][one.label] += 1
    return sum(max(counts.values()) for counts in labels.values()) / len(examples)


def _things(one: Example) -> tuple[str, frozenset[str]]:
    return one.text, frozenset(turn for turn in one.context if turn.startswith("i want"))


def test_the_history_decides(live: LiveModel, orders: Path) -> None:
    examples = data.read(orders.with_name("test.jsonl"))
    assert _best_by(lambda one: one.text, examples) < 0.5, "who reads the text alone"
    assert _best_by(_things, examples) < 0.9, "who reads the turns in no order"
    assert live.manifest.metrics["test_accuracy"] > 0.95


def test_the_same_text_has_two_answers(live: LiveModel) -> None:
    asked = [Question("cancel it please", context) for context in (HOTEL_LAST, FLIGHT_LAST)]
    assert [one.label for one in live.ask(asked)] == ["cancel_hotel", "cancel_flight"]


def test_samples_keep_their_history(live: LiveModel) -> None:
    assert any(sample.context for sample in live.manifest.samples)
    live.check_samples()


def test_the_number_of_turns_of_the_company_changes_nothing(live: LiveModel) -> None:
    contexts = [(), ("",), FLIGHT_LAST, ("thank you",) * 64, ("i want a table " * 200,), HOTEL_LAST]
    asked = [Question(text, context) for context in contexts for text in ("can we move it", "")]
    for one, together in zip(asked, live.ask(asked), strict=True):
        (alone,) = live.ask([one])
        assert live.answerer.agree(alone, together), one


def test_only_the_last_turns_are_read(live: LiveModel) -> None:
    known = ("i want a hotel", *["let me see"] * 7)
    older = [*["i want a flight"] * 20, *known]
    one, other, without = live.ask(
        [Question("change the date", tuple(context)) for context in (known, older, known[1:])]
    )
    assert one == other
    assert not live.answerer.agree(one, without)


def test_room_goes_to_the_text_then_to_the_latest_turns(live: LiveModel) -> None:
    longest = live.manifest.max_length
    text, turn = "cancel it please", "i want a hotel"
    short, full, long = live.parse(
        [
            Question(text, (turn,)),
            Question(text, ("thank you " * longest, turn)),
            Question("thank " * (longest + 1), (turn,)),
        ]
    )
    assert (short.tokens, short.truncated, short.ids[-1, 1]) == (3, False, 2)
    assert (full.tokens, full.truncated, len(full.ids)) == (3, False, longest)
    np.testing.assert_array_equal(full.ids[-len(short.ids) :, 0], short.ids[:, 0])
    assert (long.tokens, long.truncated, len(long.ids)) == (longest + 1, True, longest)
    assert set(long.ids[:, 1]) == {1}
