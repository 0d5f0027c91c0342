"""Celery's own tools, as anybody has them, at a worker's mailbox over a real Redis."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery

from schemas.batch import WorkerState
from schemas.groups import Share
from workers.handover.remote import RemoteControl

NAME = "cpu-1@here"
STATE = WorkerState(
    worker_id="w1",
    queue="textmill.worker.w1",
    device="cpu:0-1",
    pid=17,
    running="batch-1",
    versions=(3, 4),
    serves=Share(only=("mood",)),
)


@pytest.fixture
def tools(redis_url: str) -> Iterator[Celery]:
    """An application with nothing but the broker's address, as Flower has."""
    app = Celery("a tool", broker=redis_url, set_as_current=False)
    yield app
    app.close()


@pytest.fixture
def remote(redis_url: str, tools: Celery) -> Iterator[RemoteControl]:
    remote = RemoteControl(redis_url, NAME, lambda: STATE, lambda: 12)
    remote.start()
    end = time.monotonic() + 20
    while not tools.control.ping(timeout=0.3) and time.monotonic() < end:
        pass
    yield remote
    remote.stop()


def test_a_worker_answers_and_shows_itself(remote: RemoteControl, tools: Celery) -> None:
    assert tools.control.ping(timeout=1) == [{NAME: {"ok": "pong"}}]
    assert tools.control.ping(destination=["another@there"], timeout=0.3) == []
    inspect = tools.control.inspect(timeout=1, destination=[NAME])
    stats = inspect.stats()[NAME]
    assert (stats["pid"], stats["device"]) == (17, "cpu:0-1")
    assert stats["total"] == {"textmill.run_batch": 12}
    assert (stats["versions"], stats["serves"]["only"]) == ([3, 4], ["mood"])
    assert [one["id"] for one in inspect.active()[NAME]] == ["batch-1"]
    assert inspect.active_queues()[NAME] == [{"name": "textmill.worker.w1"}]
    assert inspect.registered() == {NAME: ["textmill.run_batch"]}


def test_heartbeats_are_events(remote: RemoteControl, tools: Celery) -> None:
    seen: list[dict[str, Any]] = []
    with tools.connection_for_read() as connection:
        receiver = tools.events.Receiver(connection, handlers={"worker-heartbeat": seen.append})
        for _ in receiver.itercapture(timeout=10):
            if seen:
                break
    assert (seen[0]["hostname"], seen[0]["sw_ident"]) == (NAME, "textmill")
    assert (seen[0]["active"], seen[0]["processed"]) == (1, 12)


def test_nothing_can_be_commanded(remote: RemoteControl, tools: Celery) -> None:
    for command in ("shutdown", "pool_restart", "add_consumer", "revoke", "no_such_thing"):
        tools.control.broadcast(command, arguments={"task_id": "batch-1", "terminate": True})
    assert tools.control.broadcast("shutdown", reply=True, timeout=0.3) == []
    assert tools.control.ping(timeout=1) == [{NAME: {"ok": "pong"}}]


def test_what_is_not_json_or_no_command_harms_nobody(
    remote: RemoteControl, tools: Celery, caplog: pytest.LogCaptureFixture
) -> None:
    with tools.connection_for_write() as connection:
        producer = connection.Producer()
        for body, kind in ((b"canary-7f3a", "x-python-serialize"), (b"{", "json")):
            content = {"content_type": f"application/{kind}", "content_encoding": "binary"}
            producer.publish(body, exchange="celery.pidbox", **content)
        for odd in ([1], {"method": "ping", "canary-7f3a": 1}, {"method": []}, "text"):
            producer.publish(odd, exchange="celery.pidbox", serializer="json")
    assert tools.control.ping(timeout=1) == [{NAME: {"ok": "pong"}}]
    assert "canary-7f3a" not in caplog.text


def test_it_says_good_bye_and_leaves_nothing_in_redis(
    redis_url: str, remote: RemoteControl, tools: Celery
) -> None:
    seen: list[str] = []

    def listen() -> None:
        with tools.connection_for_read() as connection:
            handlers = {"*": lambda event: seen.append(event["type"])}
            receiver = tools.events.Receiver(connection, handlers=handlers)
            receiver.capture(limit=None, timeout=4)

    listener = threading.Thread(target=lambda: _quietly(listen))
    listener.start()
    while not seen:
        time.sleep(0.05)
    remote.stop()
    listener.join(15)
    assert seen[-1] == "worker-offline"
    assert tools.control.ping(timeout=0.3) == []
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(f"*{NAME}*")) == []
        members = [m for k in client.scan_iter("_kombu.binding.*") for m in client.smembers(k)]
    assert not any(NAME.encode() in member for member in members)


def test_a_broker_that_was_emptied_is_no_matter(
    redis_url: str, remote: RemoteControl, tools: Celery
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        client.client_kill_filter(_type="pubsub", skipme=True)
    end = time.monotonic() + 15
    while not tools.control.ping(timeout=0.5) and time.monotonic() < end:
        pass
    assert tools.control.ping(timeout=1) == [{NAME: {"ok": "pong"}}]


def _quietly(run: Any) -> None:
    try:
        run()
    except TimeoutError:
        return
