"""Transactions: for reading, for writing, and repeated while the database asks to try again.

What is passed to `retried` must be a whole transaction that may run twice: when a connection is
lost during COMMIT nobody knows whether it took effect.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

from sqlalchemy import Connection, Engine

from schemas.errors import UnavailableError
from workers.sql.engine import WRITES
from workers.sql.errors import translated

RETRY_BUDGET_S = 10.0
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0

T = TypeVar("T")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads; on SQLite it waits for nobody."""
    with translated(), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; on SQLite the only one at a time, from its beginning."""
    with translated(), engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            yield connection


def written(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in a writing transaction, again and again while that may help."""

    def transaction() -> T:
        with writing(engine) as connection:
            return work(connection)

    return retried(transaction, budget_s=RETRY_BUDGET_S)


def retried(
    attempt: Callable[[], T],
    *,
    budget_s: float = RETRY_BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> T:
    """The result of `attempt`, tried again with growing, jittered pauses.

    Raises:
        UnavailableError: of the last try that began within `budget_s` seconds.
    """
    give_up = clock() + budget_s
    for tries in count():
        try:
            return attempt()
        except UnavailableError:
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**tries) * (0.5 + jitter())
            if clock() + pause > give_up:
                raise
        sleep(pause)
    raise AssertionError("unreachable")
