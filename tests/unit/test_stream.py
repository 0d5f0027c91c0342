"""Results reach their topics at least once, in order, whatever fails on the way."""

from collections.abc import Sequence
from typing import Any

import jsonschema
import msgspec
import pytest

from schemas import result as wire
from schemas.errors import UnavailableError
from schemas.prediction import Prediction, Span
from schemas.result import Result, encode
from schemas.task import Task
from schemas.topics import results
from tests.unit.examples import answered
from tests.unit.fakes import MemoryOutbox
from workers.stream import BYTES, FIRST, LARGEST, Stream, next_limit


class World:
    """An outbox, and a log that may be away; both remember."""

    def __init__(self, *waiting: Result) -> None:
        self.outbox = MemoryOutbox(*waiting)
        self.written: dict[str, list[tuple[str, bytes]]] = {}
        self.opened = 0
        self.away = False
        self.stream = Stream(self.outbox, self.open)

    def open(self) -> "World":
        self.opened += 1
        return self

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        if self.away:
            raise UnavailableError("the log is away")
        self.written.setdefault(topic, []).extend(records)

    def close(self) -> None:
        pass


def test_each_task_has_its_topic_and_jobs_keep_their_order() -> None:
    world = World(*(answered(n, Task.TAGGING if n % 3 else Task.SENTIMENT) for n in range(9)))

    assert (world.stream.publish(), world.stream.publish()) == (9, 0)
    assert world.opened == 1
    keys = {topic: [key for key, _ in records] for topic, records in world.written.items()}
    assert keys == {
        results(Task.SENTIMENT): ["job-0", "job-3", "job-6"],
        results(Task.TAGGING): [f"job-{n}" for n in (1, 2, 4, 5, 7, 8)],
    }


def test_a_log_that_refuses_loses_nothing_and_is_opened_anew() -> None:
    world = World(answered(1))
    world.away = True
    with pytest.raises(UnavailableError):
        world.stream.publish()
    world.away = False

    assert world.stream.publish() == 1
    assert len(world.written[results(Task.SENTIMENT)]) == 1
    assert (world.outbox.waiting, world.opened) == ([], 2)


def test_bunches_grow_while_they_are_small() -> None:
    world = World(*(answered(n) for n in range(FIRST * 3 + 1)))

    assert [world.stream.publish() for _ in range(4)] == [FIRST, 2 * FIRST, 1, 0]


@pytest.mark.parametrize(
    ("limit", "size", "then"),
    [
        (125, 0, 250),
        (800, 1000, LARGEST),
        (LARGEST, 1000, LARGEST),
        (LARGEST, BYTES - 1, LARGEST),
        (LARGEST, BYTES + 1, LARGEST // 2),
        (1, BYTES + 1, 1),
    ],
)
def test_how_many_are_taken_next(limit: int, size: int, then: int) -> None:
    assert next_limit(limit, size) == then


def test_a_message_is_what_the_schema_says() -> None:
    spans = (Span(start=0, end=4, label="ORG", text="Acme", score=0.9),)
    for one in (
        answered(1, metadata={"k": [1]}, bulk_id="june", build="keras"),
        answered(2, Task.TAGGING, prediction=Prediction(tokens=4, spans=spans)),
        answered(3, prediction=None, metadata=None),
    ):
        message = msgspec.json.decode(encode(one))
        jsonschema.validate(message, wire.json_schema())
        assert list(message) == list(Result.__struct_fields__)
        assert message["v"] == 1


def test_what_does_not_fit_into_a_record_is_left_out() -> None:
    spans = tuple(Span(start=n, end=n + 1, label="ORG", text="Acme") for n in range(90))
    large = answered(1, Task.TAGGING, metadata={"k": "x" * 900})
    larger = msgspec.structs.replace(large, prediction=Prediction(tokens=90, spans=spans))

    def told(one: Result, largest: int) -> dict[str, Any]:
        value = encode(one, largest)
        assert len(value) <= largest
        message: dict[str, Any] = msgspec.json.decode(value)
        return message

    assert told(large, 2000)["metadata"] == {"k": "x" * 900}
    assert told(large, 1000)["metadata"] is None
    assert told(large, 1000)["prediction"]["label"] == "good"
    assert told(larger, 1000)["prediction"] is None
