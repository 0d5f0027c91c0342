"""Pause, cancel and priority, told to the scheduler: what is in no batch yet obeys at once."""

from collections import Counter

from schemas.record import Terminal
from tests.unit.examples import delivery
from tests.unit.story import P0, Story, offsets
from workers.core.delivery import Delivery
from workers.ports import Order


def bulk(offset: int, bulk_id: str) -> Delivery:
    return delivery(offset, is_bulk=True, bulk_id=bulk_id, due_at=-100.0)


def story_of(*deliveries: Delivery, orders: dict[str, Order] | None = None) -> Story:
    story = Story("w1", max_batch=2)
    story.claim()
    story.scheduler.obey(orders or {})
    story.arrive(*deliveries)
    return story


def test_a_paused_job_sends_nothing_more_and_other_work_passes() -> None:
    story = story_of(*(bulk(n, "a") for n in range(8)))
    first, *others = story.send()
    story.scheduler.obey({"a": Order("paused")})
    story.arrive(delivery(8))
    story.finish(first)

    assert offsets(story.send()) == [[8]]
    for flight in others:
        story.finish(flight)
    assert story.send() == []
    assert story.marks() == {P0: (1, 6)}
    assert story.scheduler.backlog_s == 0

    story.scheduler.obey({})
    assert [6, 7] in offsets(story.send())


def test_a_cancelled_job_ends_what_is_in_no_batch() -> None:
    story = story_of(*(bulk(n, "a") for n in range(8)), bulk(8, "b"))
    first, *_ = story.send()
    story.scheduler.obey({"a": Order("cancelled")})
    story.arrive(bulk(9, "a"))

    endings = story.scheduler.books.endings(10)
    assert [(one.offset, one.state, one.bulk_id) for one in endings] == [
        (n, Terminal.CANCELLED, "a") for n in (6, 7, 9)
    ]
    story.finish(first)
    assert offsets(story.send()) == [[8]]


def test_a_preferred_job_passes_one_that_stands_before_it() -> None:
    story = story_of(*(bulk(n, "a") for n in range(10)), *(bulk(n, "b") for n in (10, 11)))
    first, *_ = story.send()
    story.scheduler.obey({"b": Order(priority=1)})
    story.finish(first)

    assert offsets(story.send()) == [[10, 11]]


def test_a_retried_text_of_a_cancelled_job_is_not_tried_again() -> None:
    story = story_of(bulk(0, "a"))
    (flight,) = story.send()
    story.finish(flight, failed=())
    story.scheduler.obey({"a": Order("cancelled")})
    story.wait(60)

    assert story.send() == []
    assert [one.state for one in story.scheduler.books.endings(10)] == [Terminal.CANCELLED]


def test_documents_in_batches_at_the_workers_are_told_by_job_and_task() -> None:
    story = story_of(*(bulk(n, "ab"[n % 2]) for n in range(8)), delivery(8, bulk_id="a"))
    sent = story.send()
    out = [each for flight in sent for each in flight.deliveries if each.bulk]
    assert story.scheduler.running() == Counter((d.item.job.bulk_id, "sentiment") for d in out)
    assert story.scheduler.running().total() >= 4

    for flight in sent:
        story.finish(flight)
    assert story.scheduler.running() == {}
