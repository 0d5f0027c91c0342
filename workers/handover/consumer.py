"""A worker's end of its queue: Celery's consumer, made quiet, quick to reconnect and quick to stop.

Celery's pool is `solo`, without its event loop: several readers can live in one process. One batch
is parsed while another is computed and no third is touched, so a process that dies takes two with
it, and the dispatcher knows which.
Measured on two cores, 150 kB a batch over Redis, median and 99th percentile in milliseconds:

                          hand-over      pause between two staged batches
    solo                  2.4 / 5        1.4 to 2.2
    solo, event loop      5.1 / 18       2.0
    threads               2.5 / 12       0.3, but reads ahead without limit

Parsing, the device and the writing of results have threads of their own (`workers.worker`).

Celery writes a refused message's body into its log; here only its kind is written, because the body
holds people's texts.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController
from celery.worker.consumer.consumer import Consumer
from kombu import Queue

from schemas.errors import TextmillError
from schemas.settings import masked_url

_log = logging.getLogger(__name__)
_RECONNECT = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}
"""Seconds between tries to reach a broker that went away."""


class QueueReader:
    """Reads one queue and calls the application's task for each message, one after the other."""

    def __init__(self, app: Celery, queue: Queue) -> None:
        self._app = app
        self._queue = queue
        self._stopping = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Read until `stop`; reconnects by itself. Calls `on_ready` once it reads.

        Raises:
            TextmillError: the reader ended without being asked to.
        """
        self._app.set_current()  # for this thread: Celery's tracer looks it up there
        self._app.conf.task_queues = (self._queue,)
        controller = _Controller(
            app=self._app,
            stopping=self._stopping,
            pool="solo",
            concurrency=1,
            use_eventloop=False,
            consumer_cls=_Consumer,
            ready_callback=lambda _: on_ready(),  # once: not again after a reconnection
            hostname=self._queue.name,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        controller.start()
        if not self._stopping.is_set():
            raise TextmillError("The worker's connection to its queue ended for no known reason.")

    def stop(self, wake: Callable[[], None]) -> None:
        """End `run` after the message in hand.

        Args:
            wake: puts an empty message into the queue, which ends the wait for one.
        """
        self._stopping.set()
        wake()


class _Controller(WorkController):  # type: ignore[misc]
    """Celery's worker with a way out that belongs to this reader alone, not to the process."""

    def __init__(self, *, stopping: threading.Event, **options: Any) -> None:
        self.stopping = stopping
        super().__init__(**options)


class _Consumer(Consumer):  # type: ignore[misc]
    """Celery's consumer without texts in its log and without long pauses."""

    connection: Any

    def perform_pending_operations(self) -> None:
        """Leave if asked to; the loop calls this before each wait."""
        super().perform_pending_operations()
        self._leave_if_asked()

    def ensure_connected(self, conn: Any) -> Any:
        """Connect however long it takes, a second apart at most."""
        connected = conn.ensure_connection(
            self._say_unreachable, None, callback=self._leave_if_asked, **_RECONNECT
        )
        self.first_connection_attempt = False
        return connected

    def shutdown(self) -> None:
        """Close the connection; unlike Celery's, does not look for pending operations."""
        self.blueprint.shutdown(self)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Say that the broker went away, in a line."""
        _log.warning("The broker went away (%s); connecting again.", type(exc).__name__)
        connection, self.connection = self.connection, None
        try:
            connection.collect(socket_timeout=1.0)
            connection.close()
        except self.connection_errors + self.channel_errors:
            _log.debug("The lost connection could not be closed in order.")

    def on_unknown_message(self, body: object, message: Any) -> None:
        """Drop a message that is no task."""
        self._refuse(message, "it is no task")

    def on_unknown_task(self, body: object, message: Any, exc: Exception) -> None:
        """Drop a message that names another task."""
        self._refuse(message, "it names a task that does not exist here")

    def on_invalid_task(self, body: object, message: Any, exc: Exception) -> None:
        """Drop a message of a forbidden content type or a broken form."""
        self._refuse(message, type(exc).__name__)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drop a message whose body cannot be read."""
        self._refuse(message, type(exc).__name__)

    def _refuse(self, message: Any, why: str) -> None:
        message.reject_log_error(_log, self.connection_errors)
        _log.error("Refused a message of type %.60r: %s.", message.content_type, why)

    def _leave_if_asked(self) -> None:
        if self.controller.stopping.is_set():
            raise WorkerShutdown(0)

    def _say_unreachable(self, exc: Exception, interval: float) -> None:
        url = masked_url(self.app.conf.broker_url)
        _log.warning("No broker at %s (%s); again in %.1f s.", url, type(exc).__name__, interval)
