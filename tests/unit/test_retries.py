"""When a failed job is tried again, and when no more."""

import pytest

from tests.unit import examples
from tests.unit.examples import delivery
from workers.core.retries import PATIENCE, Retries

JOB = delivery(0)


def test_the_wait_doubles_up_to_five_seconds() -> None:
    retries, now, waits = Retries(), 100.0, []
    for _ in range(8):
        assert retries.fail(JOB, "store_unavailable", now)
        at = retries.next_at()
        assert at is not None
        waits.append(round(at - now, 3))
        assert retries.due(at - 0.001) == []
        assert retries.due(at) == [JOB]
        now = at
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


@pytest.mark.parametrize("reason", ["model_unavailable", "unanswered"])
def test_a_model_that_cannot_be_had_is_given_up(reason: str) -> None:
    retries = Retries()
    kept = [retries.fail(JOB, reason, 0.0) for _ in range(PATIENCE)]
    assert kept == [True] * (PATIENCE - 1) + [False]


def test_a_store_that_is_away_is_waited_for_for_ever() -> None:
    retries = Retries()
    assert all(retries.fail(JOB, "store_unavailable", 0.0) for _ in range(10_000))
    assert retries.next_at() == 0.2


def test_a_settled_job_begins_anew() -> None:
    retries = Retries()
    for _ in range(PATIENCE - 1):
        retries.fail(JOB, "unanswered", 0.0)
    retries.settled(JOB.item.partition, JOB.item.offset)
    assert retries.fail(JOB, "unanswered", 0.0)


def test_an_attempt_counts_failures_and_losses_of_the_unluckiest_text() -> None:
    retries, other = Retries(), delivery(1)
    assert retries.attempt([JOB, other]) == 1
    retries.fail(JOB, "unanswered", 0.0)
    retries.lost(JOB)
    retries.lost(other)
    assert retries.attempt([other]) == 2
    assert retries.attempt([JOB, other]) == 3


def test_losses_on_the_way_never_lead_to_giving_up() -> None:
    retries = Retries()
    for _ in range(100):
        retries.lost(JOB)
    assert retries.fail(JOB, "unanswered", 0.0)


def test_nothing_is_remembered_of_a_job_that_was_given_up() -> None:
    retries = Retries()
    retries.lost(JOB)
    while retries.fail(JOB, "unanswered", 0.0):
        pass
    assert retries.attempt([JOB]) == 1


def test_a_lost_partition_takes_its_retries_away() -> None:
    retries, gone = Retries(), examples.partition(1)
    retries.fail(delivery(0, at=gone), "unanswered", 0.0)
    retries.fail(JOB, "unanswered", 0.0)
    retries.drop(gone)
    assert len(retries) == 1
    assert retries.due(9.0) == [JOB]
    assert retries.attempt([delivery(0, at=gone)]) == 1


def test_what_is_due_first_comes_first() -> None:
    retries, other = Retries(), delivery(1)
    retries.fail(JOB, "unanswered", 1.0)
    retries.fail(other, "unanswered", 0.0)
    assert retries.due(9.0) == [other, JOB]
    assert retries.next_at() is None
