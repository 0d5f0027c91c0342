"""What a dispatcher says of itself, and when."""

import logging

import pytest

from tests.unit.examples import worker
from workers.report import EVERY_S, LONELY_S, Report


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "workers.report")
    return caplog


def test_one_line_a_minute_counts_the_last_minute_only(heard: pytest.LogCaptureFixture) -> None:
    report = Report(now=0.0)
    report.look({"release_full": 3}, 5, [worker("w1")], EVERY_S - 1)
    assert heard.messages == []
    report.look({"release_full": 3}, 5, [worker("w1")], EVERY_S)
    report.look({"release_full": 7}, 2, [worker("w1")], 2 * EVERY_S)
    assert heard.messages == [
        "1 workers, 5 jobs open; last minute: release_full 3",
        "1 workers, 2 jobs open; last minute: release_full 4",
    ]


def test_an_idle_dispatcher_is_silent(heard: pytest.LogCaptureFixture) -> None:
    report = Report(now=0.0)
    report.look({}, 0, [], EVERY_S)
    assert heard.messages == []


def test_jobs_without_workers_are_told_once_and_so_is_their_end(
    heard: pytest.LogCaptureFixture,
) -> None:
    report = Report(now=0.0)
    for now in (LONELY_S, LONELY_S + 1, LONELY_S + 2):
        report.look({}, 4, [], now)
    report.look({}, 4, [worker("w1")], LONELY_S + 3)
    assert heard.messages == [
        "4 jobs wait and no worker lives: start `textmill work`",
        "workers take batches again",
    ]
