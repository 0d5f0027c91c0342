"""The hand-over when Redis dies, freezes, forgets or is full: told quickly, and back by itself."""

import asyncio
import time
from typing import Any

import pytest
import redis

from deploy.services import RedisService
from schemas.batch import Completion, WorkerState, encode
from schemas.errors import UnavailableError
from tests.contracts.handover_rigs import (
    HEARTBEAT_S,
    PARTITION,
    RedisRig,
    collect,
    make_batch,
    until,
    working,
)
from workers.handover.redis_bus import RedisBus
from workers.handover.redis_handover import RedisHandOver

QUICK_S = 6.0


async def exchange_one(dispatcher: RedisHandOver, worker: Any, name: str) -> None:
    """One batch there and its completion back."""
    await dispatcher.submit(worker.state, make_batch(name, dispatcher.dispatcher_id))
    while name not in {c.batch_id for c in await collect(dispatcher, 1)}:
        pass


async def assert_unavailable(*calls: Any) -> None:
    """Each call says within seconds that Redis is away."""
    for call in calls:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"does not answer|takes no batch"):
            await call()
        assert time.monotonic() - started < QUICK_S


async def works_again(dispatcher: RedisHandOver, worker: Any) -> bool:
    try:
        await exchange_one(dispatcher, worker, "again")
    except UnavailableError:
        return False
    return True


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_redis_away_and_back(redis_url: str, redis_service: RedisService, fault: str) -> None:
    state = WorkerState(worker_id="w", queue="textmill.worker.w", device="cpu", pid=1)

    async def play(worker: Any) -> None:
        dispatcher = RedisHandOver(redis_url, "d1")
        bus = RedisBus(redis_url, HEARTBEAT_S)
        await exchange_one(dispatcher, worker, "before")
        assert await dispatcher.workers()
        _break(redis_service, fault)
        await assert_unavailable(
            dispatcher.workers,
            lambda: dispatcher.submit(worker.state, make_batch("lost", "d1")),
            lambda: dispatcher.completions(0.2),
            lambda: dispatcher.submit(worker.state, make_batch("lost", "d1")),
            lambda: asyncio.to_thread(bus.announce, state),
            lambda: asyncio.to_thread(bus.complete, "d1", Completion(batch_id="b", worker_id="w")),
        )
        redis_service.thaw()
        await asyncio.to_thread(redis_service.start)
        back = time.monotonic()
        await until(lambda: works_again(dispatcher, worker), 20)
        assert time.monotonic() - back < 15
        await until(dispatcher.workers)
        await dispatcher.close()
        bus.close()

    with working(RedisRig(redis_url)) as (worker,):
        asyncio.run(play(worker))


def _break(service: RedisService, fault: str) -> None:
    service.kill() if fault == "kill" else service.freeze()


def test_flushall_loses_only_what_was_there(redis_url: str) -> None:
    async def play(worker: Any) -> None:
        dispatcher = RedisHandOver(redis_url, "d1")
        await exchange_one(dispatcher, worker, "before")
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
            await exchange_one(dispatcher, worker, "after")
            client.flushdb()
        await until(dispatcher.workers)
        await exchange_one(dispatcher, worker, "later")
        await dispatcher.close()

    with working(RedisRig(redis_url)) as (worker,):
        asyncio.run(play(worker))


def test_a_dispatcher_may_be_there_before_redis(redis_service: RedisService) -> None:
    async def play() -> None:
        dispatcher = RedisHandOver("redis://127.0.0.1:1/0", "d1")
        worker = WorkerState(worker_id="w", queue="textmill.worker.w", device="cpu", pid=1)
        await assert_unavailable(
            dispatcher.workers,
            lambda: dispatcher.completions(0.1),
            lambda: dispatcher.submit(worker, make_batch("b", "d1")),
        )
        await dispatcher.close()

    asyncio.run(play())


def test_a_full_redis_is_unavailable(redis_url: str) -> None:
    bus = RedisBus(redis_url, HEARTBEAT_S)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(UnavailableError):
                bus.complete("d1", Completion(batch_id="b", worker_id="w", error="x" * 2_000_000))
        finally:
            client.config_set("maxmemory", "0")
    bus.close()


def test_the_password_is_in_no_message(redis_url: str) -> None:
    url = "redis://:sesame@127.0.0.1:1/0"
    bus = RedisBus(url, HEARTBEAT_S)
    with pytest.raises(UnavailableError) as raised:
        bus.ping()
    assert "sesame" not in str(raised.value)
    bus.close()


def test_every_key_expires(redis_url: str) -> None:
    """Also a batch for a worker that never reads it: texts do not stay behind."""

    async def play(worker: Any) -> None:
        dispatcher = RedisHandOver(redis_url, "d1", queue_ttl_s=60)
        await exchange_one(dispatcher, worker, "b1")
        nobody = WorkerState(worker_id="no", queue="textmill.worker.no", device="cpu", pid=1)
        await dispatcher.submit(nobody, make_batch("b2", "d1"))
        RedisBus(redis_url, 1.0).complete("gone", Completion(batch_id="b3", worker_id="w"))
        await dispatcher.close()

    with working(RedisRig(redis_url)) as (worker,), redis.Redis.from_url(redis_url) as client:
        asyncio.run(play(worker))
        keys = set(client.keys())
        lasting = [key for key in keys if client.ttl(key) == -1]
        assert b"textmill.worker.no" in keys
        assert 0 < client.ttl("textmill.worker.no") <= 60
        assert lasting == []


def test_an_abandoned_queue_disappears(redis_url: str) -> None:
    async def play() -> None:
        dispatcher = RedisHandOver(redis_url, "d1", queue_ttl_s=1)
        nobody = WorkerState(worker_id="no", queue="textmill.worker.no", device="cpu", pid=1)
        await dispatcher.submit(nobody, make_batch("b", "d1"))
        await dispatcher.close()

    with redis.Redis.from_url(redis_url) as client:
        asyncio.run(play())
        assert client.llen("textmill.worker.no") == 1
        time.sleep(1.2)
        assert client.keys() == []


BROKEN_UTF8 = encode(WorkerState(worker_id="other", queue="q", device="cpu", pid=1)).replace(
    b"other", b"o\xfft\xfer"
)


@pytest.mark.parametrize("message", [b"\xc1", b"", b"\x80", BROKEN_UTF8])
def test_a_heartbeat_that_cannot_be_read_hides_no_other_worker(
    redis_url: str, message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = WorkerState(worker_id="good", queue="textmill.worker.good", device="cpu", pid=1)

    async def play() -> None:
        dispatcher = RedisHandOver(redis_url, "d1")
        bus = RedisBus(redis_url, HEARTBEAT_S)
        bus.announce(good)
        with redis.Redis.from_url(redis_url) as client:
            client.set("textmill:worker:bad", message)
            client.sadd("textmill:workers", "bad", b"\xff")
        assert list(await dispatcher.workers()) == [good]
        bus.close()
        await dispatcher.close()

    asyncio.run(play())
    assert "state that cannot be read" in caplog.text


def test_a_completion_that_cannot_be_read_is_dropped(redis_url: str) -> None:
    async def play() -> None:
        dispatcher = RedisHandOver(redis_url, "d1")
        good = Completion(batch_id="b", worker_id="w", settled=((PARTITION, 1),))
        with redis.Redis.from_url(redis_url) as client:
            client.rpush("textmill:done:d1", b"\xc1", BROKEN_UTF8)
        bus = RedisBus(redis_url, HEARTBEAT_S)
        bus.complete("d1", good)
        assert list(await dispatcher.completions(1)) == [good]
        bus.close()
        await dispatcher.close()

    asyncio.run(play())
