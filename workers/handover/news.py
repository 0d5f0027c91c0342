"""News that a route or a deployment has changed, through Redis: a wake-up without content.

What has changed stands in SQL. Whoever misses the news, as when Redis restarts, sees the change at
his next look there.
"""

import time
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.handover import naming
from workers.handover.redis_failures import FAILURES


class RedisNews:
    """One who tells or waits; one thread calls it."""

    def __init__(self, redis_url: str) -> None:
        """Connects only when first used."""
        self._redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=naming.CONNECT_S,
            socket_timeout=naming.ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._heard: Any = None

    def tell(self) -> bool:
        """Wake all who wait; False: Redis does not answer, and they see it a little later."""
        try:
            self._redis.publish(naming.NEWS, b"")
        except FAILURES:
            return False
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for news, so many seconds at most; whether there were some."""
        until = time.monotonic() + seconds
        try:
            while (left := until - time.monotonic()) > 0:
                message = self._subscribed().get_message(timeout=left)
                if message is not None and message["type"] == "message":
                    return True
        except FAILURES:
            self._heard = None
            time.sleep(max(until - time.monotonic(), 0.0))
        return False

    def close(self) -> None:
        """Give back connections."""
        if self._heard is not None:
            self._heard.close()
        self._redis.close()

    def _subscribed(self) -> Any:
        if self._heard is None:
            self._heard = self._redis.pubsub()  # type: ignore[no-untyped-call]
            self._heard.subscribe(naming.NEWS)
        return self._heard
