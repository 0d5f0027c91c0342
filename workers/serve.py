"""Everything in one process: a dispatcher on uvloop with the worker in a thread beside it.

This is what `textmill serve` and `textmill demo` run when no Redis is configured. The worker is
the same one that `textmill work` runs, reached through Celery's in-memory broker.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry

from schemas.settings import Settings
from workers import starters
from workers.assembly import Store, make_dispatcher, open_log, process_name
from workers.metrics.exposition import Exposition


async def serve(
    settings: Settings, stop: asyncio.Event, ready: Callable[[Store], None] = lambda store: None
) -> None:
    """Serve until `stop` is set; `ready` is told when jobs are taken. Those of a model are answered
    as soon as it is loaded.

    Raises:
        TextmillError: something that is needed is missing; the message says what to do.
    """
    from workers.embedded import EmbeddedWorker

    with Store(settings) as store:
        await asyncio.to_thread(_try_log, settings)
        await asyncio.to_thread(starters.enroll, store.registry, settings.models.starters)
        end = partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set)
        registry = CollectorRegistry()
        start = partial(EmbeddedWorker.start, settings, store, process_name("serve"), registry)
        worker = await asyncio.to_thread(start, on_failure=end)
        try:
            dispatcher = make_dispatcher(settings, store, worker.hand_over, registry)
            ready(store)
            with Exposition(registry, settings.metrics.port, "dispatcher and worker"):
                await dispatcher.run(stop)
        finally:
            await asyncio.to_thread(worker.stop)
    if worker.failure is not None:
        raise worker.failure


def _try_log(settings: Settings) -> None:
    """Fail before the models are loaded where the log does not answer, or is another process's."""
    open_log(settings).close()


def stop_on_signals(stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
    """Let SIGTERM and SIGINT end the running loop gently.

    Before `ready` is set they end the process at once: nothing is in hand then, and a model that
    loads cannot be interrupted. None: it is ready.
    """

    def leave() -> None:
        if ready is not None and not ready.is_set():
            os._exit(0)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
