"""How the failures of Redis are told: all as UnavailableError, and none with a password in it.

A connection that Redis closed is made anew once, since after a restart every old one is dead. A
Redis that does not answer in time is not asked twice: that would only double the wait.
"""

from typing import Final

from redis import ConnectionError as RedisConnectionError
from redis import RedisError

from schemas.errors import UnavailableError
from schemas.settings import masked_url, variable_of

FAILURES: Final = (RedisError, OSError, TimeoutError)
RETRIES: Final = 1
RETRIED: Final = (RedisConnectionError,)


def unavailable(url: str, error: BaseException) -> UnavailableError:
    """The failure as the project's own error."""
    return UnavailableError(
        f"Redis at {masked_url(url)} does not answer: {type(error).__name__}. "
        f"Is the server running, and is {variable_of('redis.url')} right?"
    )
