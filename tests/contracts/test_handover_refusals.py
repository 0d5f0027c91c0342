"""What a worker's queue refuses, without harm to the worker and without a text in a log."""

import asyncio
import json
import pickle
from typing import Any

import msgspec
import pytest

from tests.contracts.handover_rigs import Rig, collect, make_batch, rig_of, working
from workers.handover.celery_app import build_app, queue_named, send


@pytest.fixture(params=["memory", "redis"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return rig_of(request)


@pytest.mark.parametrize("content", ["pickle", "yaml", "json"])
def test_a_forbidden_content_type_is_refused_and_the_worker_lives(
    rig: Rig, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "canary-7f3a"

    async def play(worker: Any) -> None:
        dispatcher = rig.hand_over("d1")
        _publish(rig.broker_url, worker.queue, content, "textmill.run_batch", canary)
        await dispatcher.submit(worker.state, make_batch("after", "d1"))
        await collect(dispatcher, 1)
        assert [batch.batch_id for batch in worker.batches] == ["after"]
        await dispatcher.close()

    with working(rig) as (worker,):
        asyncio.run(play(worker))
    assert "Refused a message" in caplog.text
    assert canary not in caplog.text
    assert not Bomb.went_off


@pytest.mark.parametrize("task", ["os.system", "celery.backend_cleanup", "celery.chord"])
def test_an_unknown_task_is_refused_and_the_worker_lives(
    rig: Rig, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(worker: Any) -> None:
        dispatcher = rig.hand_over("d1")
        _publish(rig.broker_url, worker.queue, "textmill", task, "canary-7f3a")
        await dispatcher.submit(worker.state, make_batch("after", "d1"))
        await collect(dispatcher, 1)
        assert [batch.batch_id for batch in worker.batches] == ["after"]
        await dispatcher.close()

    with working(rig) as (worker,):
        asyncio.run(play(worker))
    assert "Refused a message" in caplog.text
    assert "canary-7f3a" not in caplog.text


def test_a_message_that_is_no_task_is_refused_and_the_worker_lives(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(worker: Any) -> None:
        dispatcher = rig.hand_over("d1")
        app = build_app(rig.broker_url)
        with app.connection_for_write() as connection:
            producer = connection.Producer(serializer="textmill")
            producer.publish({"no": "task"}, exchange="", routing_key=worker.queue)
            producer.publish(
                b"\xc1 broken",
                exchange="",
                routing_key=worker.queue,
                content_type="application/x-textmill-msgpack",
                content_encoding="binary",
                headers={"task": "textmill.run_batch", "id": "1", "lang": "py"},
            )
        await dispatcher.submit(worker.state, make_batch("after", "d1"))
        await collect(dispatcher, 1)
        await dispatcher.close()

    with working(rig) as (worker,):
        asyncio.run(play(worker))
    assert caplog.text.count("Refused a message") == 2


def test_nothing_of_a_text_is_in_a_header(rig: Rig) -> None:
    app = build_app(rig.broker_url)
    seen: list[Any] = []
    with app.connection_for_write() as connection:
        queue = queue_named("headers")
        send(app, app.amqp.Producer(connection), queue, b"canary-7f3a")
        simple = connection.SimpleQueue(queue, no_ack=True)
        message = simple.get(timeout=2)
        seen.append((message.headers, message.properties))
        simple.close()
    assert "canary" not in repr(seen)


class Bomb:
    """Notes it when somebody unpickles it."""

    went_off = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Bomb, "went_off", True)


def _publish(url: str, queue: str, serializer: str, task: str, text: str) -> None:
    """A well-formed Celery message, as a stranger with access to the broker could send it."""
    content_type, encoding, body = _encoded(serializer, text)
    with build_app(url).connection_for_write() as connection:
        connection.Producer().publish(
            body,
            exchange="",
            routing_key=queue,
            content_type=content_type,
            content_encoding=encoding,
            headers={"task": task, "id": "1", "lang": "py", "root_id": "1", "parent_id": None},
        )


def _encoded(serializer: str, text: str) -> tuple[str, str, bytes | str]:
    if serializer == "pickle":
        return "application/x-python-serialize", "binary", pickle.dumps([[text, Bomb()], {}, {}])
    if serializer == "yaml":
        return "application/x-yaml", "utf-8", json.dumps([[text], {}, {}])
    if serializer == "json":
        return "application/json", "utf-8", json.dumps([[text], {}, {}])
    return "application/x-textmill-msgpack", "binary", msgspec.msgpack.encode([[text], {}, {}])
