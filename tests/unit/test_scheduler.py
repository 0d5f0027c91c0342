"""The dispatcher's mind: news in, sendings out. Each test is a short story without a clock."""

import pytest

from schemas.batch import Failure
from schemas.record import Terminal
from tests.unit import examples
from tests.unit.examples import delivery, worker
from tests.unit.story import P0, P1, Story, jobs, offsets
from workers.core.endings import invalid
from workers.core.events import Arrived, Lost, Reached
from workers.core.retries import PATIENCE


def test_an_idle_worker_gets_what_there_is_and_the_mark_moves_when_sql_has_it() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(3))
    (flight,) = story.send()
    assert offsets([flight]) == [[0, 1, 2]]
    assert story.marks() == {P0: (1, 0)}
    story.finish(flight)
    assert story.marks() == {P0: (1, 3)}
    assert story.quiet


def test_a_worker_gets_batches_to_write_to_run_and_to_stage_and_no_more() -> None:
    story = Story("w1", max_batch=2)
    story.claim()
    story.arrive(*jobs(9))
    assert offsets(story.send()) == [[0, 1], [2, 3], [4, 5]]
    assert story.scheduler.flying == 3


def test_two_workers_share() -> None:
    story = Story("w1", "w2", max_batch=2)
    story.claim()
    story.arrive(*jobs(4))
    assert {flight.worker_id for flight in story.send()} == {"w1", "w2"}


def test_without_workers_nothing_is_sent_and_batches_grow() -> None:
    story = Story()
    story.claim()
    story.arrive(*jobs(3))
    assert story.send() == []
    story.workers["w1"] = worker("w1")
    story.look()
    assert offsets(story.send()) == [[0, 1, 2]]


def test_a_record_settled_before_the_claim_is_passed_over() -> None:
    story = Story("w1")
    story.claim(start=5)
    story.scheduler.receive(Arrived(P0, [(5, 10, None), (8, 10, None)]))
    assert story.send() == []
    assert story.marks() == {P0: (1, 9)}


def test_an_ending_moves_the_mark_only_once_it_is_written() -> None:
    story = Story("w1")
    story.claim()
    ending = invalid(examples.record(0), 1, "not_json", "")
    story.scheduler.receive(Arrived(P0, [(0, 9, ending)]))
    books = story.scheduler.books
    assert books.endings(10) == [ending]
    assert story.marks() == {P0: (1, 0)}
    books.ended([ending], frozenset())
    assert books.endings(10) == []
    assert story.marks() == {P0: (1, 1)}


def test_an_ending_that_was_fenced_moves_no_mark_of_a_later_claim() -> None:
    story = Story("w1")
    story.claim()
    ending = invalid(examples.record(0), 1, "not_json", "")
    story.scheduler.receive(Arrived(P0, [(0, 9, ending)]))
    story.scheduler.receive(Lost(P0))
    story.claim(epoch=2)
    story.arrive(delivery(0, epoch=2))
    story.scheduler.books.ended([ending], frozenset({P0}))
    assert story.marks() == {P0: (2, 0)}


def test_marks_that_sql_has_are_not_written_again_but_fenced_ones_are_not_committed() -> None:
    story = Story("w1")
    story.claim(P0)
    story.claim(P1)
    books = story.scheduler.books
    books.marked(books.marks(), frozenset({P1}))
    assert books.committable == {P0: 0}
    assert books.marks() == {P1: (1, 0)}


def test_a_failed_text_is_tried_again_later_and_its_neighbours_are_not() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(3))
    (flight,) = story.send()
    failed = (Failure(P0, 1, "out_of_memory"),)
    story.finish(flight, settled=((P0, 0), (P0, 2)), failed=failed)
    assert story.send() == []
    assert story.marks() == {P0: (1, 1)}
    story.wait(0.3)
    assert offsets(story.send()) == [[1]]


def test_what_a_report_does_not_mention_is_tried_again() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (flight,) = story.send()
    story.finish(flight, settled=((P0, 0),))
    story.wait(0.3)
    assert offsets(story.send()) == [[1]]


def test_a_text_that_no_model_answers_is_quarantined_in_the_end() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    for _ in range(PATIENCE):
        (flight,) = story.send()
        story.finish(flight, failed=(Failure(P0, 0, "model_unavailable"),), error="no model")
        story.wait(6.0)
    assert story.send() == []
    (ending,) = story.scheduler.books.endings(10)
    assert (ending.state, ending.reason) == (Terminal.QUARANTINED, "model_unavailable")


def test_a_store_that_is_away_condemns_nothing() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    for _ in range(5 * PATIENCE):
        (flight,) = story.send()
        story.finish(flight, failed=(Failure(P0, 0, "store_unavailable"),))
        story.wait(6.0)
    (flight,) = story.send()
    story.finish(flight)
    assert story.quiet


def test_a_retry_is_dropped_when_a_late_copy_was_answered_meanwhile() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    (flight,) = story.send()
    story.finish(flight, failed=(Failure(P0, 0, "store_unavailable"),))
    story.finish(flight, settled=((P0, 0),))
    story.wait(6.0)
    assert story.send() == []
    assert story.quiet


def test_a_lost_partition_is_forgotten_everywhere() -> None:
    story = Story("w1", max_batch=1)
    story.claim()
    story.arrive(*jobs(4))
    running, staged, _ = story.send()
    story.finish(running, failed=(Failure(P0, 0, "store_unavailable"),))
    story.scheduler.receive(Lost(P0))
    assert story.scheduler.books.jobs == 0
    story.finish(staged, failed=(Failure(P0, 1, "store_unavailable"),))
    story.wait(6.0)
    assert story.send() == []
    assert story.quiet
    assert story.marks() == {}


def test_records_of_a_partition_that_is_not_ours_are_ignored() -> None:
    story = Story("w1")
    story.arrive(*jobs(2))
    assert story.send() == []
    assert story.quiet


def test_a_report_of_a_later_epoch_says_which_claim_to_renew() -> None:
    story = Story("w1")
    story.claim(P0)
    story.claim(P1)
    story.arrive(delivery(0, at=P0), delivery(0, at=P1))
    (flight,) = story.send()
    assert story.finish(flight, settled=((P0, 0),), fenced=((P1, 0),)) == {P1}
    assert story.scheduler.counts["fenced"] == 1


def test_a_report_about_an_earlier_claim_says_nothing_about_the_present_one() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    (flight,) = story.send()
    story.scheduler.receive(Lost(P0))
    story.claim(epoch=3)
    assert story.finish(flight, fenced=((P0, 0),)) == frozenset()


def test_it_says_when_to_look_again() -> None:
    story = Story("w1")
    story.claim()
    assert story.scheduler.next_at() is None
    story.arrive(delivery(0, due_at=3.0))
    assert story.scheduler.next_at() == 3.0
    (flight,) = story.send()
    story.finish(flight, failed=(Failure(P0, 0, "store_unavailable"),))
    assert story.scheduler.next_at() == pytest.approx(0.2)


def test_the_logs_position_counts_where_nothing_is_open_and_only_while_ours() -> None:
    story = Story("w1")
    story.claim()
    story.scheduler.receive(Reached(P0, 4))
    assert story.scheduler.books.marks() == {P0: (1, 4)}
    story.scheduler.receive(Lost(P0))
    story.scheduler.receive(Reached(P0, 5))
    assert story.scheduler.books.marks() == {}
