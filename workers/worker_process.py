"""A worker's own process: one device, TensorFlow, Celery, the store.

    python -m workers.worker_process --device gpu:0 [--pulse FILE] [--group NAME] [--model null]

Started by `workers.supervisor`, which has set what this device needs. The main thread only waits
for signals; models are loaded and batches run in another, so that a long load never makes the
process deaf. SIGTERM or SIGINT: finish the batch in hand and its rows, withdraw, end with 0.
"""

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from schemas.errors import SettingsError, TextmillError, UnavailableError, UsageError
from schemas.groups import Share, parse, share_of
from schemas.settings import Settings, load, variable_of
from workers import starters
from workers.artifact_store import open_store
from workers.assembly import Store, process_name
from workers.collector import settle
from workers.handover.naming import queue_of
from workers.handover.news import RedisNews
from workers.handover.redis_bus import RedisBus
from workers.handover.remote import RemoteControl, name_of
from workers.handover.station import Station
from workers.heart import no_pulse
from workers.loaded_models import LoadedModels
from workers.logs import speak
from workers.metrics.exposition import Exposition
from workers.metrics.worker import WorkerMetrics
from workers.model_memory import resident
from workers.null_model import loader
from workers.pulse import PulseFile
from workers.replicas import NothingLoadedError
from workers.supervised import EXIT_BROKEN, EXIT_UNAVAILABLE, EXIT_USAGE
from workers.worker import Worker

_log = logging.getLogger("workers.worker_process")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOOK_S = 0.5


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker process is told by its supervisor."""

    device: str
    """For people; what the process sees of the machine is set already."""
    pulse: Path | None = None
    """Where its heartbeat is written for the supervisor; None: nowhere."""
    number: int = 0
    """Its place among the supervisor's workers, from 0."""
    group: str = ""
    """The model group that it serves; empty: every model that is in none."""
    model: str = ""
    """`null` for a worker without models (`workers.null_model`)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Work until a signal; exit codes are those of `workers.supervised`."""
    parser = argparse.ArgumentParser(prog="workers.worker_process")
    parser.add_argument("--device", required=True)
    parser.add_argument("--pulse", type=Path)
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--group", default="")
    parser.add_argument("--model", default="")
    post = Post(**vars(parser.parse_args(arguments)))
    speak()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # for every thread; `_wait` takes them
    sys.exit(_ended(post))


def _ended(post: Post) -> int:
    try:
        return WorkerProcess(load(), post).run()
    except TextmillError as error:
        print(f"textmill: {error}", file=sys.stderr)
        return _exit_code(error)
    except BaseException:  # Python's own code for it is 1: a service that is away
        traceback.print_exc()
        return EXIT_BROKEN


def _exit_code(error: TextmillError) -> int:
    if isinstance(error, NothingLoadedError):
        return EXIT_BROKEN
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_UNAVAILABLE


class WorkerProcess:
    """Loads, works, and leaves when told."""

    def __init__(self, settings: Settings, post: Post) -> None:
        self._settings = settings
        self._post = post
        self._station: Station | None = None
        self._broken = False
        self._queue = ""
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="textmill-worker", daemon=True)

    def run(self) -> int:
        """Work until a signal; returns an exit code.

        Raises:
            TextmillError: the worker could not start.
        """
        self._thread.start()
        while self._thread.is_alive():
            if _told_to_leave() or self._broken:
                self._leave()
        self._sweep()
        if self._failure is not None:
            raise self._failure
        return EXIT_BROKEN if self._broken else 0

    def _sweep(self) -> None:
        """A wake-up or a batch may have come when the queue was read no more."""
        if self._queue:
            bus = RedisBus(self._redis_url(), self._settings.worker.heartbeat_s)
            with contextlib.suppress(UnavailableError):  # it vanishes by itself a little later
                bus.discard(self._queue)
            bus.close()

    def _leave(self) -> None:
        if self._station is None:  # TensorFlow is still imported: nothing is in hand
            os._exit(0)
        self._station.stop()

    def _work(self) -> None:
        try:
            self._answer()
        except BaseException as error:  # told by the main thread
            self._failure = error

    def _answer(self) -> None:
        bus = RedisBus(self._redis_url(), self._settings.worker.heartbeat_s)
        bus.ping()
        with Store(self._settings) as store:
            starters.enroll(store.registry, self._settings.models.starters)
            registry = CollectorRegistry()
            worker = self._worker(store, bus, WorkerMetrics(registry))
            self._queue = worker.queue
            heart, name = worker.heart, name_of(self._post.device)
            remote = RemoteControl(self._redis_url(), name, lambda: heart.state, lambda: heart.done)
            with Exposition(registry, self._metrics_port(), f"worker {self._post.device}"):
                self._station = Station(self._redis_url(), worker)
                remote.start()
                self._station.run(lambda: _log.info("%s takes batches", worker.worker_id))
            remote.stop()
        bus.close()

    def _metrics_port(self) -> int:
        port = self._settings.metrics.port
        return port + 1 + self._post.number if port else 0

    def _worker(self, store: Store, bus: RedisBus, metrics: WorkerMetrics) -> Worker:
        worker_id = process_name(self._post.device.replace(":", ""))
        return Worker(
            worker_id=worker_id,
            queue=queue_of(worker_id),
            device=self._post.device,
            heartbeat_s=self._settings.worker.heartbeat_s,
            models=self._models(store, metrics),
            results=metrics.results(store.results),
            bus=bus,
            pulse=PulseFile(self._post.pulse) if self._post.pulse else no_pulse,
            on_broken=self._break,
            on_useless=self._give_up,
            rollouts=store.rollouts,
            profiles=store.profiles,
            wait=RedisNews(self._redis_url()).wait,
            release=resident,
            share=self._share(),
            group=self._post.group,
        )

    def _models(self, store: Store, metrics: WorkerMetrics) -> LoadedModels:
        memory_mib = self._settings.worker.memory_mib
        if self._post.model:
            _log.warning("Answers are made up: --model %s reads no text.", self._post.model)
            load = metrics.load(loader(self._post.model))
            return metrics.watch(LoadedModels(store.registry, load))
        from workers.model_loading import loader as checked_loader  # imports TensorFlow
        from workers.model_loading import memory_used

        settle()
        load = metrics.load(checked_loader(open_store(self._settings)))
        return metrics.watch(
            LoadedModels(store.registry, load, memory_mib=memory_mib, used=memory_used)
        )

    def _share(self) -> Share:
        return share_of(parse(self._settings.worker.groups), self._post.group)

    def _break(self) -> None:
        self._broken = True

    def _give_up(self, error: NothingLoadedError) -> None:
        self._failure, self._broken = error, True

    def _redis_url(self) -> str:
        if not self._settings.redis.url:
            raise SettingsError(
                f"A worker of its own needs {variable_of('redis.url')}; "
                "`textmill serve` works without."
            )
        return self._settings.redis.url


def _told_to_leave() -> bool:
    """Wait for a signal for a moment. A process that was stopped and goes on again may be given a
    `siginfo` of no signal, since CPython does not look why its wait was interrupted."""
    info = signal.sigtimedwait(_SIGNALS, _LOOK_S)
    return info is not None and info.si_signo in _SIGNALS


if __name__ == "__main__":
    main()
