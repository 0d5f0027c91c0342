"""The worker's way back to the dispatchers through Redis: heartbeats and completions.

Safe to call from several threads: heartbeat and completions come from different ones.
"""

from collections.abc import Sequence

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from schemas.batch import Completion, WorkerState, encode
from workers.handover import naming
from workers.handover.redis_failures import FAILURES, RETRIED, RETRIES, unavailable


class RedisBus:
    """`Bus` over one Redis."""

    def __init__(self, redis_url: str, heartbeat_s: float) -> None:
        """Connects only when first used.

        Args:
            redis_url: `redis://[:password@]host:port/db`, or `rediss://` for TLS.
            heartbeat_s: how often `announce` will be called; a state is valid for five of these.
        """
        self._url = redis_url
        self._valid_ms = max(1, round(heartbeat_s * naming.BEATS * 1000))
        self._redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=naming.CONNECT_S,
            socket_timeout=naming.ANSWER_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), RETRIES, RETRIED),
        )

    def ping(self) -> None:
        """Raise UnavailableError unless Redis answers."""
        try:
            self._redis.ping()
        except FAILURES as error:
            raise unavailable(self._url, error) from error

    def announce(self, state: WorkerState) -> None:
        """Heartbeat: valid for five intervals."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(naming.state_key(state.worker_id), encode(state), px=self._valid_ms)
            pipe.sadd(naming.WORKERS, state.worker_id)
            pipe.expire(naming.WORKERS, naming.WORKERS_TTL_S)
            self._execute(pipe)

    def withdraw(self, worker_id: str) -> None:
        """Leave at once, so that nothing more is sent."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(naming.state_key(worker_id))
            pipe.srem(naming.WORKERS, worker_id)
            self._execute(pipe)

    def discard(self, queue: str) -> None:
        """Drop what lies in the queue of a worker that reads it no more."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(queue)
            self._execute(pipe)

    def complete(self, reply_to: str, completion: Completion) -> None:
        """Report a batch to the dispatcher that sent it."""
        key = naming.done_key(reply_to)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.rpush(key, encode(completion))
            pipe.expire(key, naming.DONE_TTL_S)
            self._execute(pipe)

    def wanted(self, models: Sequence[str]) -> frozenset[str]:
        """Those of these models for which a dispatcher says that jobs wait."""
        if not models:
            return frozenset()
        try:
            found = self._redis.mget([naming.wanted_key(model) for model in models])
        except FAILURES as error:
            raise unavailable(self._url, error) from error
        return frozenset(one for one, is_wanted in zip(models, found, strict=True) if is_wanted)

    def close(self) -> None:
        """Give back connections."""
        self._redis.close()

    def _execute(self, pipe: "Redis.pipeline") -> None:  # type: ignore[valid-type]
        try:
            pipe.execute()  # type: ignore[attr-defined]
        except FAILURES as error:
            raise unavailable(self._url, error) from error
