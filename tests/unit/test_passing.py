"""Interactive jobs pass the bulk work that a worker has in hand, in batches of their own."""

import msgspec

from tests.unit.examples import delivery, flight, worker
from tests.unit.story import LEASE_S, PATIENCE_S, Story, jobs, offsets
from workers.core.flight import Flight, Loss
from workers.core.flights import PASSING, Flights
from workers.ports import Profile

SECONDS_A_TOKEN = 0.001
"""Sixteen tokens take 16 ms, so that three texts take longer than a mixed batch may."""


def flooded() -> tuple[Story, list[Flight]]:
    """A worker with all the bulk batches that it may have, and more of them waiting."""
    known = [Profile(1, "cpu", (0.0, SECONDS_A_TOKEN, 0.0), 9)]
    story = Story("w1", known=known)
    story.claim()
    story.arrive(*jobs(40, is_bulk=True))
    return story, story.send()


def test_interactive_jobs_go_at_once_though_all_places_are_taken_by_bulk_work() -> None:
    story, bulk = flooded()
    assert [one.passes for one in bulk] == [False] * 3
    story.arrive(delivery(50), delivery(51))
    (passing,) = story.send()
    assert passing.passes
    assert offsets([passing]) == [[50, 51]]


def test_no_more_pass_than_may_and_the_next_one_holds_all_that_came_meanwhile() -> None:
    story, _ = flooded()
    out = []
    for number in range(PASSING):
        story.arrive(delivery(50 + number))
        out += story.send()
    story.arrive(delivery(60), delivery(61))
    assert story.send() == []
    story.finish(out[0])
    assert offsets(story.send()) == [[60, 61]]


def test_bulk_work_that_can_be_passed_keeps_its_long_batches_beside_interactive_jobs() -> None:
    story, bulk = flooded()
    story.arrive(delivery(50))
    story.send()
    story.finish(bulk[0])
    (following,) = story.send()
    assert offsets([following]) == [[12, 13, 14, 15]], "four take 64 ms, mixed ones at most 40"


def test_where_no_bulk_work_is_in_hand_jobs_wait_their_turn() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(12))
    assert [one.passes for one in story.send()] == [False] * 3
    story.arrive(delivery(50))
    assert story.send() == []


def passing_flight(batch_id: str) -> Flight:
    return msgspec.structs.replace(flight(batch_id=batch_id), passes=True)


def test_a_batch_that_was_let_pass_when_its_worker_died_is_suspect_too() -> None:
    made = Flights(lease_s=LEASE_S, patience_s=PATIENCE_S)
    made.send(flight(batch_id="b1"))
    made.send(passing_flight("b2"))
    made.see([msgspec.structs.replace(worker("w1", running="b1"), passing=("b2",))], 0.0)
    losses = {one.batch_id: loss for one, loss in made.lost(PATIENCE_S + 1)}
    assert losses == dict.fromkeys(("b1", "b2"), Loss.WORKER_DIED_RUNNING_IT)


def test_a_worker_that_hangs_in_a_batch_that_passes_gets_nothing_more() -> None:
    made = Flights(lease_s=LEASE_S, patience_s=PATIENCE_S)
    made.send(passing_flight("b2"))
    state = msgspec.structs.replace(worker("w1"), passing=("b2",))
    made.see([state], LEASE_S + 1)
    assert [loss for _, loss in made.lost(LEASE_S + 1)] == [Loss.WORKER_HANGS_IN_IT]
    assert made.alive() == []
    made.see([worker("w1")], LEASE_S + 2)
    assert made.alive() == ["w1"]
