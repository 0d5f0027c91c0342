"""The dispatcher's hand-over through Redis: Celery out, a list of completions back.

Any loss of Redis is an UnavailableError at once or within two seconds, and the next call connects
anew; there is no state here that a restarted or emptied Redis could contradict.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar, cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.batch import (
    Batch,
    Completion,
    WorkerState,
    decode_completion,
    decode_state,
    encode,
)
from workers.handover import naming
from workers.handover.celery_app import QUEUE_TTL_S
from workers.handover.redis_failures import FAILURES, RETRIED, RETRIES, unavailable
from workers.handover.sender import Sender

_log = logging.getLogger(__name__)
_MOST = 1000
"""Completions taken at once."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

News = TypeVar("News", Completion, WorkerState)


class RedisHandOver:
    """`HandOver` over one Redis; used from one event loop."""

    def __init__(
        self, redis_url: str, dispatcher_id: str, *, queue_ttl_s: float = QUEUE_TTL_S
    ) -> None:
        """Connects only when first used.

        Args:
            redis_url: `redis://[:password@]host:port/db`, or `rediss://` for TLS.
            dispatcher_id: what batches carry in `reply_to`.
            queue_ttl_s: how long a batch may wait in the queue of a worker that takes none; longer
                than the slowest batch.
        """
        self.dispatcher_id = dispatcher_id
        self._url = redis_url
        self._done = naming.done_key(dispatcher_id)
        self._sender = Sender(redis_url, queue_ttl_s)
        self._asking = _client(redis_url)
        self._waiting = _client(redis_url)

    async def workers(self) -> Sequence[WorkerState]:
        """Workers whose heartbeat is fresh, in no order."""
        ids = sorted(await self._answer(self._asking.smembers(naming.WORKERS)))
        if not ids:
            return ()
        keys = [naming.state_key(i.decode(errors="replace")) for i in ids]
        states = await self._answer(self._asking.mget(keys))
        gone = [i for i, state in zip(ids, states, strict=True) if state is None]
        if gone:  # one that lives announces itself again, and is back in the set
            await self._answer(self._asking.srem(naming.WORKERS, *gone))
        beats = (_decoded(decode_state, state) for state in states if state is not None)
        return [beat for beat in beats if beat]

    async def submit(self, worker: WorkerState, batch: Batch) -> None:
        """Send the batch to this worker's queue; the loop never waits for the broker."""
        await self._sender.send(worker.queue, encode(batch))

    async def completions(self, timeout_s: float) -> Sequence[Completion]:
        """Wait for completions addressed to this dispatcher; empty after `timeout_s`."""
        reply = await self._answer(self._pop(timeout_s), timeout_s + naming.ANSWER_S)
        completions = (_decoded(decode_completion, message) for message in reply)
        return [completion for completion in completions if completion]

    async def want(self, models: Collection[str]) -> None:
        """Let workers that still load know for which models jobs wait."""
        if models:
            pipe = self._asking.pipeline(transaction=False)
            for model in models:
                pipe.set(naming.wanted_key(model), b"1", ex=naming.WANTED_TTL_S)
            await self._answer(pipe.execute())

    async def close(self) -> None:
        """Give back connections."""
        await self._sender.close()
        await self._asking.aclose()
        await self._waiting.aclose()

    async def _pop(self, timeout_s: float) -> Sequence[bytes]:
        reply: Any
        if timeout_s > 0:
            reply = await self._waiting.blmpop(
                timeout_s, 1, self._done, direction="LEFT", count=_MOST
            )
        else:  # Redis would wait for ever
            reply = await self._waiting.lmpop(1, self._done, direction="LEFT", count=_MOST)
        return reply[1] if reply else ()

    async def _answer(self, call: Any, patience_s: float = naming.ANSWER_S) -> Any:
        try:
            async with asyncio.timeout(patience_s):
                return await cast("Awaitable[Any]", call)
        except FAILURES as error:
            raise unavailable(self._url, error) from error


def _client(url: str) -> "Redis":
    return Redis.from_url(
        url,
        socket_connect_timeout=naming.CONNECT_S,
        socket_timeout=None,  # a blocking pop waits as long as it was told; `_answer` is the limit
        socket_keepalive=True,
        retry=Retry(NoBackoff(), RETRIES, RETRIED),
    )


def _decoded(decode: Callable[[bytes], News], message: bytes) -> News | None:
    """One that cannot be read must not keep the others from being heard."""
    try:
        return decode(message)
    except _UNREADABLE as error:
        kind = decode.__name__.removeprefix("decode_")
        _log.error("Dropped a %s that cannot be read: %s.", kind, type(error).__name__)
        return None
