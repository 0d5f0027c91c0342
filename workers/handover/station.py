"""A worker at its queue: reads batches until told to stop, then finishes what is in hand.

The same for Redis and for memory, in a main thread or in another: nothing here touches signals.
"""

import logging
from collections.abc import Callable

from schemas.errors import UnavailableError
from workers.handover.celery_app import build_app, queue_named
from workers.handover.consumer import QueueReader
from workers.handover.sender import Sender
from workers.worker import Worker

_log = logging.getLogger(__name__)


class Station:
    """Ties a worker to the queue that dispatchers send its batches to."""

    def __init__(self, broker_url: str, worker: Worker) -> None:
        self._broker_url = broker_url
        self._worker = worker
        app = build_app(broker_url, worker.run_batch)
        self._reader = QueueReader(app, queue_named(worker.queue))
        self._begun = False

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop`; returns when all is written and the worker is withdrawn.

        Args:
            on_ready: called when the queue is read and the worker has announced itself.

        Raises:
            TextmillError: the reader ended without being asked to.
        """

        def begin() -> None:
            self._begun = True
            self._worker.start()
            on_ready()

        try:
            self._reader.run(begin)
        finally:
            if self._begun:
                self._worker.finish()

    def stop(self) -> None:
        """Let `run` return after the batch in hand; from any thread, but not from `run`'s."""
        self._worker.drain()
        self._reader.stop(self._wake)

    def _wake(self) -> None:
        """End the reader's wait by an empty message; without a broker it is not waiting."""
        sender = Sender(self._broker_url)
        try:
            sender.send_blocking(self._worker.queue, b"")
        except UnavailableError as error:
            _log.info("Not woken: %s", error)
        finally:
            sender.close_blocking()
