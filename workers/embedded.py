"""The worker inside `textmill serve`, for a machine without Redis.

The same worker, model and store as in a process of its own; only the hand-over is in memory. It
lives in threads beside the dispatcher's loop and touches no signals.
"""

import logging
import os
import threading
from collections.abc import Callable
from typing import Final, Self

from prometheus_client import CollectorRegistry

from schemas.errors import TextmillError
from schemas.settings import Settings
from workers.artifact_store import open_store
from workers.assembly import Store, process_name
from workers.collector import settle
from workers.device import Device, environment
from workers.handover import memory_transport
from workers.handover.memory import MemoryBus, MemoryHandOver
from workers.handover.naming import queue_of
from workers.handover.station import Station
from workers.loaded_models import Load, LoadedModels
from workers.metrics.worker import WorkerMetrics
from workers.model_memory import resident
from workers.worker import Worker

_log = logging.getLogger(__name__)
PATIENCE_S: Final = 30.0
"""Longer than any batch that does not hang; shorter than most service managers wait."""


class EmbeddedWorker:
    """A running worker and the way to it."""

    def __init__(
        self,
        hand_over: MemoryHandOver,
        station: Station,
        queue: str,
        on_failure: Callable[[], None],
    ) -> None:
        self.hand_over = hand_over
        self._station = station
        self._queue = queue
        self.failure: TextmillError | None = None
        """Why the worker ended without being asked to."""
        self._on_failure = on_failure
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="textmill-worker", daemon=True)

    @classmethod
    def start(
        cls,
        settings: Settings,
        store: Store,
        dispatcher_id: str,
        registry: CollectorRegistry,
        load: Load | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> Self:
        """Begin to take batches, and to load the routed versions beside; returns when it does.

        Args:
            settings: heartbeat and device.
            store: where versions are registered and results are kept.
            dispatcher_id: who will use `hand_over`.
            registry: where the worker's figures appear.
            load: how a version is loaded; by default as in a worker's own process.
            on_failure: called, in another thread, when the worker ends by itself.

        Raises:
            UnavailableError: the database does not answer.
        """
        worker_id = process_name("embedded")
        bus = MemoryBus(settings.worker.heartbeat_s)
        metrics = WorkerMetrics(registry)
        models = _models(settings, store, metrics, load)
        worker = Worker(
            worker_id=worker_id,
            queue=queue_of(worker_id),
            device="cpu",
            heartbeat_s=settings.worker.heartbeat_s,
            models=models,
            results=metrics.results(store.results),
            bus=bus,
            rollouts=store.rollouts,
            profiles=store.profiles,
            release=resident,
            on_useless=lambda error: embedded._fail(error),
        )
        station = Station(memory_transport.URL, worker)
        hand_over = MemoryHandOver(bus, dispatcher_id)
        embedded = cls(hand_over, station, queue_of(worker_id), on_failure)
        embedded._thread.start()
        embedded._ready.wait()
        return embedded

    def stop(self, patience_s: float = PATIENCE_S) -> None:
        """Finish the batch in hand and its rows, then end; one that hangs is left behind.

        Args:
            patience_s: how long the batch may take. What is not written by then is sent again
                after the next start.
        """
        self._station.stop()
        self._thread.join(patience_s)
        if self._thread.is_alive():
            _log.error("The worker hangs and is left behind; its batch is answered another time.")
        memory_transport.forget(self._queue)

    def _run(self) -> None:
        try:
            self._station.run(self._ready.set)
        except TextmillError as error:
            self._fail(error)
        finally:
            self._ready.set()

    def _fail(self, error: TextmillError) -> None:
        self.failure = error
        self._on_failure()


def _models(
    settings: Settings, store: Store, metrics: WorkerMetrics, load: Load | None
) -> LoadedModels:
    if load is not None:
        return metrics.watch(LoadedModels(store.registry, metrics.load(load)))
    for variable, value in environment(Device(name="cpu")).items():
        os.environ.setdefault(variable, value)
    from workers.model_loading import loader, memory_used

    settle()
    memory_mib = settings.worker.memory_mib
    timed = metrics.load(loader(open_store(settings)))
    return metrics.watch(
        LoadedModels(store.registry, timed, memory_mib=memory_mib, used=memory_used)
    )
