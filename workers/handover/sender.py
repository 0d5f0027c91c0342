"""Sending batches from a loop that must never wait: one thread, one connection, renewed if lost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from celery import Celery
from kombu import Queue
from kombu.exceptions import KombuError

from schemas.errors import UnavailableError
from schemas.settings import masked_url
from workers.handover.celery_app import QUEUE_TTL_S, build_app, queue_named, send

_ONCE = {"max_retries": 1, "interval_start": 0, "interval_max": 0, "timeout": 0.001}
"""One try to connect: kombu's own way waits two seconds and tries again."""


class Sender:
    """Puts messages into workers' queues, in the order of the calls."""

    def __init__(self, broker_url: str, queue_ttl_s: float = QUEUE_TTL_S) -> None:
        self._app: Celery = build_app(broker_url)
        self._url = masked_url(broker_url)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="textmill-submit")
        self._connection: Any = None
        self._producer: Any = None
        self._queue = lru_cache(maxsize=1024)(lambda name: queue_named(name, queue_ttl_s))

    async def send(self, queue: str, message: bytes) -> None:
        """Put one message into a queue; UnavailableError where the broker does not take it."""
        await asyncio.get_running_loop().run_in_executor(
            self._thread, self.send_blocking, queue, message
        )

    def send_blocking(self, queue: str, message: bytes) -> None:
        """The same for a caller that may wait; one thread at a time."""
        try:
            self._send(self._queue(queue), message)
        except Exception as error:
            expected = self._failures()
            self._disconnect()
            if not isinstance(error, expected):
                raise
            raise UnavailableError(
                f"The broker at {self._url} takes no batch: {type(error).__name__}."
            ) from error

    async def close(self) -> None:
        """Give back the connection and the thread."""
        await asyncio.to_thread(self.close_blocking)

    def close_blocking(self) -> None:
        """The same for a caller that may wait."""
        self._thread.shutdown(wait=True)
        self._disconnect()

    def _send(self, queue: Queue, message: bytes) -> None:
        if self._producer is None:
            self._connection = self._app.connection_for_write()
            self._connection.ensure_connection(**_ONCE)
            self._producer = self._app.amqp.Producer(self._connection)
            _keep_client(self._producer.channel)
        send(self._app, self._producer, queue, message)

    def _failures(self) -> tuple[type[BaseException], ...]:
        """What the broker's client raises when the broker is away; each client has its own."""
        if self._connection is None:
            return (KombuError, OSError)
        theirs = (*self._connection.connection_errors, *self._connection.channel_errors)
        return (KombuError, OSError, *theirs)

    def _disconnect(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()


def _keep_client(channel: Any) -> None:
    """Let a Redis channel publish through one client object; it makes one for each message, which
    is a third of what a message costs. The connection is the pool's either way."""
    make = getattr(channel, "_create_client", None)
    if make is not None:
        client = make()
        channel._create_client = lambda: client
