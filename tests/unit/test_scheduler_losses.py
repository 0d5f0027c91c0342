"""Batches that are lost, workers that die, and texts that kill them; see `test_scheduler`."""

import msgspec
import pytest

from schemas.record import Terminal
from tests.unit.examples import delivery, worker
from tests.unit.story import P0, PATIENCE_S, Story, jobs, offsets
from workers.core.isolation import STRIKES


def test_a_batch_lost_on_the_way_is_sent_again_as_a_second_attempt() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (first,) = story.send()
    story.workers["w1"] = worker("w1")
    story.wait(PATIENCE_S + 1)
    (second,) = story.send()
    assert second.deliveries == first.deliveries
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.batch_id != first.batch_id
    assert story.scheduler.counts["lost_in_hand_over"] == 1


def test_a_late_report_of_a_batch_given_up_still_counts() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (first,) = story.send()
    story.workers["w1"] = worker("w1")
    story.wait(PATIENCE_S + 1)
    (second,) = story.send()
    story.finish(first)
    assert story.marks() == {P0: (1, 2)}
    story.finish(second)
    story.finish(second)
    assert story.quiet


def test_the_staged_batch_of_a_dead_worker_is_sent_again_without_suspicion() -> None:
    story = Story("w1", max_batch=1)
    story.claim()
    story.arrive(*jobs(2))
    running, _ = story.send()
    story.workers["w1"] = worker("w1", running=running.batch_id)
    story.die(running, "w2")
    assert story.scheduler.counts["worker_gone"] == 1
    assert story.scheduler.counts["worker_died_running_it"] == 1
    assert [(f.isolated, *offsets([f])) for f in story.send()] == [(True, [0])]


def test_what_was_parsed_behind_a_batch_that_killed_is_tried_alone() -> None:
    story = Story("w1", max_batch=1)
    story.claim()
    story.arrive(*jobs(2))
    running, behind = story.send()
    state = worker("w1", running=running.batch_id)
    story.workers["w1"] = msgspec.structs.replace(state, following=behind.batch_id)
    story.die(running, "w2")
    assert story.scheduler.counts["worker_died_parsing_it"] == 1
    (first,) = story.send()
    story.finish(first)
    (second,) = story.send()
    assert (first.isolated, second.isolated) == (True, True)


def test_one_alone_is_not_blamed_for_what_another_dispatcher_had_running() -> None:
    story = Story("w0")
    story.claim()
    story.arrive(*jobs(1))
    (flight,) = story.send()
    story.die(flight, "w1")
    for number in range(1, 2 * STRIKES):
        (alone,) = story.send()
        state = worker(alone.worker_id, running="of another dispatcher")
        story.workers[alone.worker_id] = msgspec.structs.replace(state, following=alone.batch_id)
        story.die(alone, f"w{number + 1}")
    assert story.scheduler.books.endings(10) == []
    (again,) = story.send()
    story.finish(again)
    assert story.quiet


def test_suspects_have_a_worker_to_themselves_while_others_go_on() -> None:
    story = Story("w1", "w2")
    story.claim()
    story.arrive(*jobs(2))
    (deadly,) = story.send()
    story.die(deadly, "w3")
    story.arrive(*[delivery(offset) for offset in (2, 3)])
    flights = story.send()
    assert [(f.worker_id, f.isolated) for f in flights] == [("w2", True), ("w3", False)]
    story.arrive(*[delivery(offset) for offset in (4, 5, 6, 7)])
    assert {f.worker_id for f in story.send()} == {"w3"}


@pytest.mark.parametrize("deadly", [0, 2, 3])
def test_the_deadly_text_is_quarantined_and_its_neighbours_are_answered(deadly: int) -> None:
    story = Story("w0")
    story.claim()
    story.arrive(*jobs(4))
    for death in range(1, 20):
        for flight in story.send():
            if deadly in offsets([flight])[0]:
                story.die(flight, f"w{death}")
            else:
                story.finish(flight)
    (ending,) = story.scheduler.books.endings(10)
    assert (ending.offset, ending.state) == (deadly, Terminal.QUARANTINED)
    assert ending.reason == "kills_worker"
    assert story.scheduler.books.jobs == 1
    assert story.scheduler.counts["worker_died_running_it"] == 1 + 2 + STRIKES


def test_a_worker_that_dies_for_another_reason_costs_one_quiet_retry() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(3))
    (flight,) = story.send()
    story.die(flight, "w2")
    (again,) = story.send()
    assert again.isolated
    story.finish(again)
    assert story.quiet


def test_a_batch_that_the_hand_over_refused_goes_back_once() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (flight,) = story.send()
    story.scheduler.unsent(flight)
    story.scheduler.unsent(flight)
    assert offsets(story.send()) == [[0, 1]]


def test_suspects_that_the_hand_over_refused_are_tried_alone_again() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (flight,) = story.send()
    story.die(flight, "w2")
    (suspects,) = story.send()
    story.scheduler.unsent(suspects)
    (again,) = story.send()
    assert again.isolated
    assert again.deliveries == suspects.deliveries
