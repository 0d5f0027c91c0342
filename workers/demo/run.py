"""One run of the demonstration: publish the samples, serve until all are answered, look."""

import asyncio
import contextlib
from collections.abc import Callable

from sqlalchemy import Engine, func, select

from producers import Publisher
from schemas import tables
from schemas.settings import Settings
from workers.assembly import Store
from workers.demo import samples
from workers.serve import serve, stop_on_signals

PERIOD_S = 0.1


def publish(settings: Settings) -> int:
    """Put every sample on the embedded log; returns how many."""
    with Publisher(settings) as publisher:
        return sum(
            publisher.publish_jobs(samples.read(source), task) for source, task in samples.SOURCES
        )


def settled(engine: Engine) -> int:
    """Records that have their terminal state."""
    with engine.connect() as connection:
        counts = (
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (tables.result, tables.ending)
        )
        return sum(counts)


async def answer_all(
    settings: Settings, published: int, before: int, progress: Callable[[int], None]
) -> None:
    """Serve until `published` more records than `before` are settled, telling how many are.

    Raises:
        TextmillError: the service could not start or go on.
    """
    stop = asyncio.Event()
    stores: list[Store] = []
    stop_on_signals(stop)
    serving = asyncio.create_task(serve(settings, stop, stores.append))
    watching = asyncio.create_task(_watch(stores, published, before, progress))
    await asyncio.wait([serving, watching], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    await serving


async def _watch(
    stores: list[Store], published: int, before: int, progress: Callable[[int], None]
) -> None:
    done = 0
    while done < published:
        await asyncio.sleep(PERIOD_S)
        if stores:
            done = await asyncio.to_thread(settled, stores[0].engine) - before
            progress(done)
