"""What becomes of a record: a delivery, or an end with a reason; never an exception."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Ending, Partition, Record, Terminal
from schemas.task import Task
from schemas.wire import REASONS
from tests.unit import examples
from tests.unit.examples import partition, record, value, version
from workers.core.admission import Waits, admit, estimated_tokens
from workers.core.delivery import Delivery
from workers.core.routing import Routing

LIVE = version(1)
ROUTING = Routing(
    [LIVE, version(9, name="topic", task=Task.CLASSIFICATION)], [examples.route(LIVE)]
)
WAITS = Waits(interactive=0.005, bulk=1.0)
NOW, WALL = 50.0, 1_700_000_000.0


def outcome(content: bytes | None, at: Partition | None = None) -> Delivery | Ending:
    return admit(Record(at or partition(), 7, content, 3.5), 2, ROUTING, WAITS, NOW, WALL)


def at_second(offset: float) -> str:
    return datetime.fromtimestamp(WALL + offset, UTC).isoformat()


def test_a_job_is_pinned_to_its_version_and_due_after_its_wait() -> None:
    admitted = outcome(value(text="good"))
    assert isinstance(admitted, Delivery)
    assert admitted.version is LIVE
    assert admitted.item.task is Task.SENTIMENT
    assert admitted.due_at == NOW + 0.005
    assert (admitted.item.offset, admitted.item.epoch, admitted.item.published_at) == (7, 2, 3.5)
    assert admitted.item.lang == "en"
    assert admitted.size == len(value(text="good"))


def test_the_turns_before_a_text_count_for_its_length() -> None:
    lone, late = outcome(value()), outcome(value(context=["what was said before"] * 20))
    assert isinstance(lone, Delivery)
    assert isinstance(late, Delivery)
    assert lone.padded < late.padded


def test_bulk_work_may_wait_longer() -> None:
    admitted = outcome(value(), partition(is_bulk=True))
    assert isinstance(admitted, Delivery)
    assert admitted.bulk
    assert admitted.due_at == NOW + 1.0


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        (None, Terminal.INVALID, "empty_record"),
        (b"{", Terminal.INVALID, "not_json"),
        (value(model="nobody"), Terminal.INVALID, "unknown_model"),
        (value(model="topic"), Terminal.INVALID, "wrong_model"),
        (value(text="很好"), Terminal.INVALID, "no_model"),
        (value(lang="zh"), Terminal.INVALID, "no_model"),
        (value(deadline=at_second(-1)), Terminal.EXPIRED, "deadline"),
        (value(deadline=at_second(0)), Terminal.EXPIRED, "deadline"),
        (value(deadline="0001-01-01T00:00:00Z"), Terminal.EXPIRED, "deadline"),
        (value(deadline="0001-01-01T00:00:00+23:59"), Terminal.INVALID, "invalid_field"),
    ],
)
def test_what_cannot_be_answered_ends_with_its_reason(content, state, reason) -> None:
    ended = outcome(content)
    assert isinstance(ended, Ending)
    assert (ended.state, ended.reason, ended.epoch, ended.offset) == (state, reason, 2, 7)


def test_an_invalid_record_keeps_its_bytes_for_the_dead_letter_and_an_expired_one_does_not() -> (
    None
):
    assert outcome(b"{").raw == b"{"
    assert outcome(None).raw == b""
    assert outcome(value(deadline=at_second(-1))).raw is None


def test_a_deadline_to_come_is_no_hindrance() -> None:
    assert isinstance(outcome(value(deadline=at_second(1))), Delivery)


def test_a_deadline_is_reckoned_once_and_then_runs_by_the_monotonic_clock() -> None:
    admitted = outcome(value(deadline=at_second(2)))
    assert isinstance(admitted, Delivery)
    assert admitted.deadline == pytest.approx(NOW + 2)
    admitted = outcome(value())
    assert isinstance(admitted, Delivery)
    assert admitted.deadline == math.inf


def test_a_topic_of_no_task_ends_its_records() -> None:
    ended = outcome(value(), Partition(examples.TOPIC_ID, 0, "textmill.jobs.poetry"))
    assert isinstance(ended, Ending)
    assert ended.reason == "unknown_task"


@pytest.mark.parametrize(
    ("text", "language", "tokens"), [("很好吃", "zh", 3), ("good food", "en", 2), ("", "en", 1)]
)
def test_a_length_is_guessed_without_tokenising(text: str, language: Any, tokens: int) -> None:
    assert estimated_tokens(text, language) == tokens


def test_a_longer_text_waits_in_a_longer_bucket() -> None:
    short, long = outcome(value(text="good")), outcome(value(text="good " * 300))
    assert isinstance(short, Delivery)
    assert isinstance(long, Delivery)
    assert (short.padded, long.padded) == (16, 512)


@given(st.binary(max_size=60) | st.just(record().value))
def test_no_bytes_raise(content: bytes | None) -> None:
    ended = outcome(content)
    assert isinstance(ended, Delivery) or ended.reason in REASONS
