"""What the dispatcher's mind makes of deadlines and of what batches cost; see `test_scheduler`."""

import msgspec
import pytest

from schemas.batch import Failure
from schemas.groups import Share
from schemas.record import Terminal
from tests.unit.examples import delivery, key, version, worker
from tests.unit.story import Story, jobs, offsets
from workers.core.placing import UNSERVED
from workers.ports import Profile


def test_what_passed_its_deadline_before_it_was_sent_ends_as_expired() -> None:
    story = Story()
    story.claim()
    story.arrive(delivery(0, deadline=5.0), delivery(1, deadline=50.0))
    assert story.scheduler.next_at() is not None
    story.now = 6.0
    assert story.send() == []
    (ending,) = story.scheduler.books.endings(10)
    assert (ending.state, ending.offset) == (Terminal.EXPIRED, 0)
    assert story.scheduler.counts[Terminal.EXPIRED] == 1
    story.workers["w1"] = worker("w1")
    story.look()
    assert offsets(story.send()) == [[1]]


def test_what_batches_took_is_learnt_and_predicts_the_next_ones() -> None:
    story = Story("w1")
    story.claim()
    for number in range(0, 12, 4):
        story.arrive(*(delivery(number + n) for n in range(4)))
        (flight,) = story.send()
        at = tuple(map(key, flight.deliveries))
        story.finish(flight, settled=at, compute_s=0.02)
        story.now += 3
    story.arrive(*(delivery(20 + n) for n in range(4)))
    assert story.scheduler.backlog_s == pytest.approx(0.02, rel=0.05)
    (flight,) = story.send()
    assert flight.seconds == pytest.approx(0.02, rel=0.05)
    assert [one.batches for one in story.scheduler.costs.news] == [3]


def test_a_backlog_is_shared_by_the_workers_that_live() -> None:
    story = Story("w1", "w2", known=[Profile(1, "cpu", (0.0, 0.01, 0.0), 9)])
    assert story.scheduler.backlog_s == 0
    story.claim()
    story.arrive(*jobs(8))
    assert story.scheduler.backlog_s == pytest.approx(8 * 16 * 0.01 / 2)


def test_memory_that_did_not_suffice_halves_the_next_batches_of_that_worker() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(4))
    (flight,) = story.send()
    story.finish(flight, settled=tuple(map(key, flight.deliveries)), exhausted=True)
    assert story.scheduler.counts["out_of_memory"] == 1
    story.arrive(*(delivery(10 + n, padded=16) for n in range(4)))
    assert [len(sent) for sent in offsets(story.send())] == [4]
    assert story.scheduler.costs.price("w1", 1).tokens == 64
    assert story.scheduler.costs.price("w2", 1).tokens == 10_000


def test_a_batch_formed_for_one_worker_fits_the_one_that_gets_it() -> None:
    story = Story("w1", "w2", max_batch=8)
    story.claim()
    story.arrive(*jobs(8))
    (first,) = story.send()
    assert first.worker_id == "w1"
    story.scheduler.costs.exhausted("w2", 1, 200, story.now)
    failed = tuple(Failure(*key(each), "model_unavailable") for each in first.deliveries)
    story.finish(first, failed=failed, error="cannot be loaded")
    story.wait(1)
    sent = story.send()
    assert [flight.worker_id for flight in sent] == ["w2", "w2"]
    assert [flight.tokens for flight in sent] == [96, 32]


def test_nothing_waits_for_company_that_cannot_come() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(delivery(0, due_at=9.0))
    story.send()
    story.arrive(delivery(1, due_at=9.0))
    assert story.scheduler.sendings(story.now) == []
    ((_, flight),) = story.scheduler.sendings(story.now, flush=True)
    assert offsets([flight]) == [[1]]
    assert story.scheduler.counts["release_flush"] == 1


def test_the_backlog_is_told_by_group_of_workers() -> None:
    heavy, light = version(1, name="heavy"), version(2, name="light")
    known = [Profile(one.version_id, "cpu", (0.0, 0.01, 0.0), 9) for one in (heavy, light)]
    story = Story("w1", "w2", "w3", known=known)
    groups = {"w1": ("a", ("heavy",)), "w2": ("b", ("heavy",)), "w3": ("c", ("other",))}
    for name, (group, models) in groups.items():
        share = Share(only=models)
        story.workers[name] = msgspec.structs.replace(worker(name), group=group, serves=share)
    story.claim()
    story.arrive(*jobs(4, of=heavy), delivery(5, of=heavy, is_bulk=True), delivery(6, of=light))
    story.look()
    backlogs = story.scheduler.backlogs
    shared = pytest.approx(5 * 0.16 / 2)
    assert backlogs == {"a": shared, "b": shared, "c": 0.0, UNSERVED: pytest.approx(0.16)}
