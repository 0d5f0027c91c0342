"""The dispatcher's whole loop over ports in memory: all is answered once, whatever gets lost.

Leases and heartbeats are short, so that what takes minutes in service takes tenths of a second.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from schemas.record import Terminal
from tests.unit import examples
from tests.unit.examples import value
from tests.unit.fakes import MemoryOutbox
from tests.unit.mill import P0, P1, Mill, milling, shorten, tell
from workers import dispatcher as module
from workers.core.events import Arrived, Claimed
from workers.ports import Profile


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def test_all_is_answered_once_and_told_to_sql_and_then_to_the_log() -> None:
    async def story() -> None:
        mill = Mill(workers=2)
        mill.publish(200)
        async with milling(mill):
            await mill.all_done()
            mill.publish(20)
            await mill.all_done()
        mill.is_right()
        assert mill.log.committed == mill.log.end
        assert mill.log.members == []
        assert mill.hand_over.closed
        assert {batch.reply_to for batch in mill.hand_over.batches} == {"d1"}
        assert {batch.digest for batch in mill.hand_over.batches} == {mill.version.digest}

    tell(story)


def test_rubbish_becomes_dead_letters_and_harms_nobody() -> None:
    async def story() -> None:
        mill = Mill()
        mill.publish(4)
        mill.log.append(P0, b"rubbish", None, value("a", "x", metadata={"n": 2**70}))
        mill.log.append(P1, value("b", "x", deadline="0001-01-01T00:00:00+23:59"))
        mill.publish(4)
        async with milling(mill):
            await mill.all_done()
            await mill.until(lambda: len(mill.store.published) == 4)
        mill.is_right()
        assert len(mill.store.of(Terminal.INVALID)) == 4
        assert sorted(letter for _, letter in mill.letters) == sorted(mill.store.letters.values())

    tell(story)


def test_the_same_job_twice_is_answered_once_and_another_text_is_a_conflict() -> None:
    async def story() -> None:
        mill = Mill()
        mill.publish(1)
        async with milling(mill):
            await mill.all_done()
            mill.log.append(P1, value("job-0", "text 0"), value("job-0", "other"))
            await mill.all_done()
        mill.is_right()
        assert mill.store.of(Terminal.DUPLICATE) == [(P1, 0)]
        assert mill.store.of(Terminal.CONFLICT) == [(P1, 1)]

    tell(story)


@pytest.mark.parametrize("submit_s", [0.0, 0.02])
def test_memory_has_a_cap_and_all_is_answered_under_it(submit_s: float) -> None:
    async def story() -> None:
        mill = Mill(max_in_flight=20)
        mill.log.max_poll = 10
        mill.hand_over.submit_s = submit_s
        mill.hand_over.pace_s = 0.002
        most = 0
        mill.publish(200)
        async with milling(mill):
            while mill.store.next_offsets != mill.log.end:
                most = max(most, mill.scheduler.books.jobs)
                await asyncio.sleep(0.001)
        mill.is_right()
        assert 20 <= most <= 20 + (module.AHEAD + 2) * 10

    tell(story)


def test_stopping_finishes_what_is_at_the_workers_and_leaves_the_rest_in_the_log() -> None:
    async def story() -> None:
        mill = Mill(max_batch=2)
        mill.hand_over.pace_s = 0.1
        mill.publish(40)
        async with milling(mill):
            await mill.until(lambda: bool(mill.store.rows))
            mill.stop.set()
        sent = {i.job.job_id for batch in mill.hand_over.batches for i in batch.items}
        answered = {row.job[1] for row in mill.store.rows}
        assert answered == sent
        assert 0 < len(answered) < 40
        assert sum(mill.store.next_offsets.values()) == len(answered)
        assert sum(mill.log.committed.values()) == len(answered)

    tell(story)


def test_a_successor_goes_on_where_a_stopped_one_was() -> None:
    async def story() -> None:
        first = Mill(max_batch=2)
        first.hand_over.pace_s = 0.02
        first.publish(40)
        async with milling(first):
            await first.until(lambda: len(first.store.rows) >= 6)
        second = Mill(after=first)
        async with milling(second):
            await second.all_done()
        second.is_right()

    tell(story)


def test_a_routed_version_takes_over_between_batches() -> None:
    async def story() -> None:
        mill = Mill()
        mill.publish(5)
        newer = examples.version(2)
        async with milling(mill):
            await mill.all_done()
            mill.store.registered = (mill.version, newer)
            await asyncio.sleep(0.1)
            mill.publish(5)
            await mill.all_done()
        mill.is_right()
        assert [row.version_id for row in mill.store.rows] == [1] * 5 + [2] * 5
        assert {batch.version_id for batch in mill.hand_over.batches} == {1, 2}

    tell(story)


def test_what_was_learnt_of_costs_is_kept_and_the_next_dispatcher_begins_with_it(
    monkeypatch,
) -> None:
    monkeypatch.setattr(module, "PROFILES_S", 0.02)

    async def story() -> None:
        first = Mill()
        first.hand_over.compute_s = 0.01
        first.publish(40)
        async with milling(first):
            await first.all_done()
            await first.until(lambda: bool(first.store.costs))
        (kept,) = first.store.costs.values()
        assert (kept.version_id, kept.kind) == (first.version.version_id, "cpu")
        second = Mill(after=first)
        async with milling(second):
            second.publish(1)
            await second.all_done()
        assert second.scheduler.costs.price("w1", kept.version_id).cost is not None

    tell(story)


def test_bulk_partitions_rest_first_when_the_workers_have_seconds_enough_before_them() -> None:
    mill = Mill(workers=0)
    mill.scheduler.costs.remember([Profile(mill.version.version_id, "cpu", (0.0, 1.0, 0.0), 1)])
    mill.scheduler.receive(Claimed(P0, 1, 0))
    rests = []
    for number in range(3):
        mill.dispatcher._throttle()
        rests.append((mill.dispatcher._intake.choke_bulk, mill.dispatcher._intake.choke))
        arrived = examples.delivery(number, padded=24)
        mill.scheduler.receive(Arrived(P0, [(number, 9, arrived)]))
    assert rests == [(False, False), (True, False), (True, True)]


def test_results_are_told_while_it_runs() -> None:
    async def story() -> None:
        outbox = MemoryOutbox(*(examples.answered(n) for n in range(300)))
        mill = Mill(results=outbox)
        async with milling(mill):
            await mill.until(lambda: not outbox.waiting)
            outbox.waiting.append(examples.answered(300))
            await mill.until(lambda: not outbox.waiting)
        assert mill.told == [f"job-{n}" for n in range(301)]
        assert mill.scheduler.counts["streamed"] == 301

    tell(story)


def test_what_of_a_bulk_job_is_at_the_workers_is_told_to_its_watchers() -> None:
    async def story() -> None:
        mill, bulk = Mill(), examples.partition(is_bulk=True)
        mill.hand_over.pace_s = 0.1
        mill.log.create(bulk)
        mill.log.append(bulk, *(value(f"june-{n}", bulk_id="june") for n in range(20)))
        async with milling(mill):
            await mill.until(lambda: running(mill) > 0)
            most = running(mill)
            await mill.all_done()
        assert most <= 20
        assert mill.store.running == {"d1": {}}

    def running(mill: Mill) -> int:
        return mill.store.running.get("d1", {}).get(("june", "sentiment"), 0)

    tell(story)


def test_a_job_past_its_deadline_ends_as_expired_though_no_worker_lives() -> None:
    async def story() -> None:
        mill = Mill(workers=0)
        soon = datetime.now(UTC) + timedelta(seconds=0.3)
        mill.log.append(P0, value("late", deadline=soon.isoformat()))
        async with milling(mill):
            await mill.all_done()
        assert mill.store.of(Terminal.EXPIRED) == [(P0, 0)]
        assert mill.hand_over.batches == []

    tell(story)
