"""A dispatcher as a process of its own, handing over to workers through Redis."""

import asyncio

from prometheus_client import CollectorRegistry

from schemas.settings import Settings
from workers import readiness, starters
from workers.assembly import Store, make_dispatcher, process_name
from workers.collector import settle
from workers.metrics.exposition import Exposition
from workers.serve import stop_on_signals


async def dispatch(settings: Settings) -> None:
    """Dispatch until SIGTERM or SIGINT.

    Raises:
        TextmillError: something that is needed is missing; the message says what to do.
    """
    from workers.handover.redis_handover import RedisHandOver

    stop = asyncio.Event()
    stop_on_signals(stop)
    with Store(settings) as store:
        await asyncio.to_thread(starters.enroll, store.registry, settings.models.starters)
        hand_over = RedisHandOver(
            settings.redis.url,
            process_name("dispatch"),
            queue_ttl_s=2 * settings.dispatch.lease_s,
        )
        await hand_over.workers()  # a Redis that does not answer is told at the start
        registry = CollectorRegistry()
        dispatcher = make_dispatcher(settings, store, hand_over, registry, readiness.tell)
        settle()
        with Exposition(registry, settings.metrics.port, "the dispatcher"):
            await dispatcher.run(stop)
