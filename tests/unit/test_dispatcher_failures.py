"""The dispatcher's loop while messages are lost, workers die and services go away."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence

import pytest

from schemas.batch import Completion
from schemas.errors import TextmillError, UnavailableError
from schemas.record import Terminal
from tests.unit.examples import value
from tests.unit.fake_workers import DEADLY
from tests.unit.mill import P0, P1, Mill, milling, shorten, tell
from workers import dispatcher as module
from workers import intake


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def test_batches_lost_in_the_hand_over_are_sent_again() -> None:
    async def story() -> None:
        mill = Mill()
        mill.hand_over.arrives = lambda batch: 1 if batch.attempt > 1 else 0
        mill.publish(20)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()
        assert mill.scheduler.counts["lost_in_hand_over"] > 0

    tell(story)


def test_batches_that_arrive_twice_are_answered_once() -> None:
    async def story() -> None:
        mill = Mill(workers=2)
        mill.hand_over.arrives = lambda batch: 2
        mill.publish(50)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()

    tell(story)


@pytest.mark.parametrize(
    "fate",
    [
        pytest.param(lambda first: () if first else (0.0,), id="lost"),
        pytest.param(lambda first: (0.0, 0.0, 0.1), id="doubled"),
        pytest.param(lambda first: (0.8,) if first else (0.0,), id="late"),
    ],
)
def test_reports_may_be_lost_doubled_or_late(fate: Callable[[bool], Sequence[float]]) -> None:
    async def story() -> None:
        mill = Mill()
        seen: list[str] = []

        def reports(completion: Completion) -> Sequence[float]:
            seen.append(completion.batch_id)
            return fate(len(seen) <= 2)

        mill.hand_over.reports = reports
        mill.publish(30)
        async with milling(mill):
            await mill.all_done()
            await asyncio.sleep(0.1)
        mill.is_right()

    tell(story)


def test_a_deadly_text_is_quarantined_and_its_neighbours_are_answered() -> None:
    async def story() -> None:
        mill = Mill(workers=2, max_batch=4)
        mill.publish(5)
        mill.log.append(P0, value("killer", DEADLY))
        mill.publish(5)
        async with milling(mill):
            await mill.all_done()
            await mill.until(lambda: bool(mill.letters))
        mill.is_right()
        (at,) = mill.store.of(Terminal.QUARANTINED)
        assert at[0] == P0
        assert mill.hand_over.deaths >= 4
        assert json.loads(mill.letters[0][1])["job_id"] == "killer"

    tell(story)


def test_what_is_staged_behind_a_deadly_text_is_answered() -> None:
    async def story() -> None:
        mill = Mill(workers=1, max_batch=1)
        mill.log.append(P0, value("killer", DEADLY))
        mill.publish(3)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()
        assert mill.scheduler.counts["worker_gone"] > 0
        assert mill.scheduler.counts["worker_died_running_it"] > 0

    tell(story)


@pytest.mark.parametrize("service", ["store", "hand_over", "log"])
def test_a_service_may_go_away_and_come_back(service: str, monkeypatch, caplog) -> None:
    monkeypatch.setattr(intake, "AWAY_S", 0.05)

    async def story() -> None:
        mill = Mill()
        mill.publish(10)
        async with milling(mill):
            await mill.all_done()
            getattr(mill, service).away = True
            mill.publish(10)
            await asyncio.sleep(0.3)
            getattr(mill, service).away = False
            await mill.all_done()
        mill.is_right()

    tell(story)
    if service != "log":
        assert "fails, trying on" in caplog.text
        assert "works again" in caplog.text


def test_a_store_away_from_the_moment_of_the_claim_delays_and_loses_nothing() -> None:
    async def story() -> None:
        mill = Mill()
        claim = mill.store.claim
        tries: list[str] = []

        def failing_twice(at, owner):
            tries.append(owner)
            if len(tries) < 3:
                raise UnavailableError("not yet")
            return claim(at, owner)

        mill.store.claim = failing_twice
        mill.publish(10)
        async with milling(mill):
            await mill.all_done()
        mill.is_right()

    tell(story)


def test_without_routing_at_the_start_it_does_not_start() -> None:
    async def story() -> None:
        mill = Mill()
        mill.store.away = True
        with pytest.raises(UnavailableError):
            await mill.dispatcher.run(mill.stop)

    tell(story)


def test_a_claim_outdated_by_a_zombie_is_renewed() -> None:
    async def story() -> None:
        mill = Mill()
        async with milling(mill):
            await mill.until(lambda: mill.store.next_offsets == {P0: 0, P1: 0})
            mill.store.claim(P0, "zombie")
            mill.publish(10)
            await mill.all_done()
        mill.is_right()
        assert mill.store.epochs == {P0: 3, P1: 1}
        assert mill.scheduler.counts["fenced"] > 0

    tell(story)


def test_a_bug_in_the_poll_thread_ends_the_dispatcher() -> None:
    async def story() -> None:
        mill = Mill()
        mill.store.claim = lambda at, owner: 1 / 0
        with pytest.raises(TextmillError, match="could not be read on"):
            await asyncio.wait_for(mill.dispatcher.run(mill.stop), 5)
        assert mill.hand_over.closed

    tell(story)


def test_a_poll_thread_that_hangs_ends_the_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.3)
    monkeypatch.setattr(intake, "LEAVE_S", 0.1)
    thaw = threading.Event()

    async def story() -> None:
        mill = Mill()
        mill.store.claim = lambda at, owner: thaw.wait()
        with pytest.raises(TextmillError, match="poll thread"):
            await asyncio.wait_for(mill.dispatcher.run(mill.stop), 5)

    try:
        tell(story)
    finally:
        thaw.set()
