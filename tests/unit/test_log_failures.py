"""When a log that cannot be read is said, and when it is an error."""

import pytest
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)

from schemas.errors import TextmillError, UnavailableError
from workers.log.failures import GIVE_UP_S, Failures

DENIED, AWAY = TopicAuthorizationFailedError(), KafkaConnectionError()


def said(failures: Failures, error: Exception, *times: float) -> list[float]:
    return [now for now in times if failures.worth_saying(error, now)]


def test_a_failure_is_said_at_once_and_every_minute_while_it_goes_on() -> None:
    failures = Failures()
    assert said(failures, DENIED, 5, 5.1, 40, 64, 65, 66, 124, 125) == [5, 65, 125]
    assert said(failures, GroupAuthorizationFailedError(), 126, 127) == [126]


def test_ten_minutes_of_nothing_else_are_an_error_that_does_not_pass() -> None:
    failures = Failures()
    said(failures, DENIED, *range(0, int(GIVE_UP_S), 30))
    with pytest.raises(TextmillError, match="TopicAuthorizationFailedError") as caught:
        failures.worth_saying(DENIED, GIVE_UP_S)
    assert not isinstance(caught.value, UnavailableError)


def test_a_broker_that_is_away_is_waited_for_without_end() -> None:
    failures = Failures()
    assert len(said(failures, AWAY, *range(0, 7200, 30))) == 120
    said(failures, DENIED, 7200)
    said(failures, AWAY, 7230)
    said(failures, DENIED, *range(7260, 7800, 30))


def test_records_or_a_long_silence_begin_a_new_count() -> None:
    failures = Failures()
    said(failures, DENIED, *range(0, 590, 10))
    failures.ended()
    said(failures, DENIED, *range(600, 1190, 10))
    said(failures, DENIED, *range(2000, 2590, 10))
