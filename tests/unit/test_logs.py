"""What a running process says of its libraries."""

import logging

import pytest

from workers.logs import KafkaNowAndThen


def record(name: str) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, "lost a connection", (), None)
    made.exc_info = (ValueError, ValueError("secret"), None)
    return made


def test_kafka_is_heard_once_in_ten_seconds_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("workers.logs.time.monotonic", lambda: now)
    terse, first = KafkaNowAndThen(), record("kafka.net.manager")
    assert terse.filter(first)
    assert first.exc_info is None
    assert not terse.filter(record("kafka.consumer"))
    now = 110.0
    assert terse.filter(record("kafka.consumer"))


def test_our_own_loggers_are_always_heard_whole() -> None:
    terse, ours = KafkaNowAndThen(), record("workers.dispatcher")
    assert terse.filter(ours)
    assert terse.filter(ours)
    assert ours.exc_info is not None
