"""What every hand-over promises, over Redis and in memory."""

import asyncio
import time
from typing import Any

import pytest

from schemas.batch import Completion, WorkerState
from tests.contracts.handover_rigs import (
    HEARTBEAT_S,
    Rig,
    collect,
    make_batch,
    rig_of,
    working,
)
from workers.handover import naming


@pytest.fixture(params=["memory", "redis"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return rig_of(request)


def test_a_batch_arrives_once_at_the_named_worker_and_is_reported(rig: Rig) -> None:
    async def play(workers: list[Any]) -> None:
        dispatcher = rig.hand_over("d1")
        batch = make_batch("b1", "d1")
        await dispatcher.submit(workers[1].state, batch)
        (completion,) = await collect(dispatcher, 1)
        assert completion.batch_id == "b1"
        assert completion.worker_id == workers[1].worker_id
        assert [offset for _, offset in completion.settled] == [0, 1]
        await asyncio.sleep(0.1)
        assert workers[1].batches == [batch]
        assert workers[0].batches == []
        await dispatcher.close()

    with working(rig, 2) as workers:
        asyncio.run(play(workers))


def test_batches_keep_their_order(rig: Rig) -> None:
    async def play(worker: Any) -> None:
        dispatcher = rig.hand_over("d1")
        for number in range(20):
            await dispatcher.submit(worker.state, make_batch(f"b{number}", "d1"))
        await collect(dispatcher, 20)
        await dispatcher.close()
        assert [batch.batch_id for batch in worker.batches] == [f"b{n}" for n in range(20)]

    with working(rig) as (worker,):
        asyncio.run(play(worker))


def test_a_completion_reaches_only_the_dispatcher_that_sent_the_batch(rig: Rig) -> None:
    async def play(worker: Any) -> None:
        one, other = rig.hand_over("d1"), rig.hand_over("d2")
        await other.completions(0.01)
        for number in range(6):
            sender = (one, other)[number % 2]
            await sender.submit(worker.state, make_batch(f"b{number}", sender.dispatcher_id))
        assert {c.batch_id for c in await collect(one, 3)} == {"b0", "b2", "b4"}
        assert {c.batch_id for c in await collect(other, 3)} == {"b1", "b3", "b5"}
        assert await one.completions(0.05) == await other.completions(0.05)
        await one.close()
        await other.close()

    with working(rig) as (worker,):
        asyncio.run(play(worker))


def test_waiting_for_completions_ends_in_time(rig: Rig) -> None:
    async def play() -> None:
        dispatcher = rig.hand_over("d1")
        await dispatcher.completions(0.01)
        started = time.monotonic()
        assert list(await dispatcher.completions(0.2)) == []
        assert 0.15 < time.monotonic() - started < 1.0
        assert list(await dispatcher.completions(0)) == []
        await dispatcher.close()

    asyncio.run(play())


def test_several_completions_come_in_one_call(rig: Rig) -> None:
    async def play() -> None:
        dispatcher, bus = rig.hand_over("d1"), rig.bus()
        await dispatcher.completions(0.01)
        for number in range(50):
            bus.complete("d1", Completion(batch_id=f"b{number}", worker_id="w"))
        completions = await collect(dispatcher, 50)
        assert [completion.batch_id for completion in completions] == [f"b{n}" for n in range(50)]
        await dispatcher.close()

    asyncio.run(play())


def test_workers_appear_expire_and_come_back(rig: Rig) -> None:
    state = WorkerState(worker_id="w1", queue="q", device="gpu:0", pid=7, versions=(3, 4))

    async def play() -> None:
        dispatcher, bus = rig.hand_over("d1"), rig.bus()
        assert list(await dispatcher.workers()) == []
        bus.announce(state)
        assert list(await dispatcher.workers()) == [state]
        await asyncio.sleep(3 * HEARTBEAT_S)
        assert list(await dispatcher.workers()) == [state], "valid for five intervals"
        await asyncio.sleep(3 * HEARTBEAT_S)
        assert list(await dispatcher.workers()) == []
        bus.announce(state)
        assert list(await dispatcher.workers()) == [state]
        await dispatcher.close()

    asyncio.run(play())


def test_a_worker_that_withdraws_is_gone_at_once(rig: Rig) -> None:
    async def play() -> None:
        dispatcher, bus = rig.hand_over("d1"), rig.bus()
        for name in ("w1", "w2"):
            bus.announce(WorkerState(worker_id=name, queue=name, device="cpu", pid=1))
        bus.withdraw("w1")
        bus.withdraw("w1")
        assert [state.worker_id for state in await dispatcher.workers()] == ["w2"]
        await dispatcher.close()

    asyncio.run(play())


def test_the_batch_in_hand_is_announced(rig: Rig) -> None:
    async def play() -> None:
        dispatcher, bus = rig.hand_over("d1"), rig.bus()
        bus.announce(WorkerState(worker_id="w", queue="w", device="cpu", pid=1, running="b9"))
        (state,) = await dispatcher.workers()
        assert state.running == "b9"
        await dispatcher.close()

    asyncio.run(play())


def test_a_large_batch_arrives_whole(rig: Rig) -> None:
    texts = tuple("字" * 100_000 + str(number) for number in range(7))  # 2 MB

    async def play(worker: Any) -> None:
        dispatcher = rig.hand_over("d1")
        batch = make_batch("large", "d1", texts)
        await dispatcher.submit(worker.state, batch)
        await collect(dispatcher, 1)
        assert worker.batches == [batch]
        await dispatcher.close()

    with working(rig) as (worker,):
        asyncio.run(play(worker))


def test_five_hundred_batches_are_handed_over_quickly(rig: Rig) -> None:
    async def play(worker: Any) -> float:
        dispatcher = rig.hand_over("d1")
        await dispatcher.submit(worker.state, make_batch("first", "d1"))
        await collect(dispatcher, 1)
        started = time.perf_counter()
        for number in range(500):
            await dispatcher.submit(worker.state, make_batch(f"b{number}", "d1"))
        completions = await collect(dispatcher, 500)
        seconds = time.perf_counter() - started
        assert len({completion.batch_id for completion in completions}) == 500
        await dispatcher.close()
        return seconds

    with working(rig) as (worker,):
        assert asyncio.run(play(worker)) < 15


def test_a_submission_does_not_hold_up_the_loop(rig: Rig) -> None:
    async def play(worker: Any) -> None:
        dispatcher = rig.hand_over("d1")
        texts = ("字" * 300_000,)
        sending = asyncio.gather(
            *(dispatcher.submit(worker.state, make_batch(str(n), "d1", texts)) for n in range(5))
        )
        longest = 0.0
        while not sending.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)
        await sending
        await collect(dispatcher, 5)
        assert longest < 0.5
        await dispatcher.close()

    with working(rig) as (worker,):
        asyncio.run(play(worker))


def test_idle_hand_over_stops_quickly(rig: Rig) -> None:
    with working(rig):
        time.sleep(0.3)
        started = time.monotonic()
    assert time.monotonic() - started < 5


def test_a_worker_that_loads_is_told_what_jobs_wait_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "WANTED_TTL_S", 1)

    async def play() -> None:
        dispatcher, bus = rig.hand_over("d1"), rig.bus()
        assert not bus.wanted(["mood", "topic"])
        assert not bus.wanted([])
        await dispatcher.want([])
        await dispatcher.want({"mood", "names"})
        assert set(bus.wanted(["mood", "topic"])) == {"mood"}
        await asyncio.sleep(1.1)
        assert not bus.wanted(["mood", "topic"]), "nobody has said so for a while"
        await dispatcher.close()

    asyncio.run(play())
