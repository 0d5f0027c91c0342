"""What batches take beside the device is learnt, and deadlines are held by it."""

import pytest

from tests.unit.examples import delivery, key, place
from tests.unit.story import Story
from workers.core.batcher import Batcher
from workers.core.formed import Limits
from workers.core.lag import CAUTION, LEAST_S, OUTLIERS, RECENT, RECENT_S, Lag


def learnt(*seconds: float) -> Lag:
    """A lag after batches that came home so much later than predicted, at time 0."""
    lag = Lag()
    for one in seconds:
        lag.learn(one, 0.0)
    return lag


def test_nothing_is_known_at_first() -> None:
    assert Lag().seconds(0.0) == LEAST_S


def test_batches_that_are_earlier_than_predicted_still_take_something() -> None:
    assert learnt(*[-0.2] * 10).seconds(0.0) == LEAST_S


def test_it_is_what_nearly_all_took_and_some_more() -> None:
    usual = [0.1 + 0.001 * n for n in range(20)]
    outage = [30.0] * OUTLIERS
    assert learnt(*usual, *outage).seconds(0.0) == pytest.approx(CAUTION * 0.119)


def test_what_all_take_is_no_outlier() -> None:
    assert learnt(*[0.2] * 10).seconds(0.0) == pytest.approx(CAUTION * 0.2)


def test_only_the_last_batches_tell() -> None:
    assert learnt(*[5.0] * RECENT, *[0.02] * RECENT).seconds(0.0) == pytest.approx(CAUTION * 0.02)


def test_it_is_forgotten_so_that_what_seemed_too_late_is_tried_again() -> None:
    lag = learnt(*[5.0] * 10)
    assert lag.seconds(RECENT_S) > 5
    assert lag.seconds(RECENT_S + 0.1) == LEAST_S


def test_a_job_that_would_come_home_too_late_lets_the_next_go_first() -> None:
    batcher = Batcher(Limits(max_batch=1))
    batcher.add(delivery(1, deadline=0.3))
    batcher.add(delivery(2, deadline=0.8))
    formed = batcher.next_batch(0.0, place(lag_s=0.4))
    assert formed is not None
    assert [each.item.offset for each in formed.deliveries] == [2]


def test_a_scheduler_learns_what_a_worker_takes_to_write() -> None:
    story = Story("w", max_batch=1)
    story.claim()
    for offset in range(8):
        story.arrive(delivery(offset))
        (flight,) = story.send()
        story.now += 0.5
        settled = tuple(map(key, flight.deliveries))
        story.finish(flight, settled=settled, compute_s=0.002, persist_s=0.498)
    story.arrive(delivery(8))
    (running,) = story.send()
    pressed = delivery(9, deadline=story.now + 0.5)
    story.arrive(pressed, delivery(10, deadline=story.now + 5.0))
    assert [each.item.offset for flight in story.send() for each in flight.deliveries] == [10]
    story.finish(running)
    story.now += 0.6
    story.send()
    assert story.scheduler.counts["EXPIRED"] == 1
