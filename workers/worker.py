"""A worker: batches in, rows and reports out, on whatever device its process was given.

    run_batch     decode                                                the reader's thread
    parse         model of the pinned version -> parse                  a second thread
    Computer      features -> predict                                   a third
    Persister     one SQL transaction -> completion                     a fourth
    Heart         "I live, I run this batch, I write that one"          a fifth
    Replicas      versions loaded beside, reported, given up            two more

A batch of interactive jobs that passes bulk work is parsed as it is read, computed between two
arrays of the running batch, and written by a thread of its own.

So the next batch is parsed while the device computes, and the last one is written meanwhile. A
worker keeps no promise beyond the process: what it loses, the dispatcher sends again. No text and
no answer is ever logged.
"""

import gc
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from schemas.batch import Batch, WorkerState, decode_batch
from schemas.errors import ArtifactError, UnavailableError
from schemas.groups import EVERYTHING, Share
from workers.computer import Computer, Step
from workers.desired import Here, Rollouts
from workers.failure import kind
from workers.heart import Heart, Pulse, no_pulse
from workers.inference import STRAIGHT, ModelFailedError, Read, Way, read, solve
from workers.loaded_models import LoadedModels
from workers.memory import Memory
from workers.persister import Persister, Work
from workers.ports import Bus, Profiles, Results
from workers.replicas import NothingLoadedError, Replicas, Told, Wait
from workers.stage import Stage
from workers.urgency import Urgency

_log = logging.getLogger(__name__)
PASSED_TOKENS: Final = 4096
"""Padded tokens of an array at most while batches pass; see `models.shapes`."""
LATELY_S: Final = 10.0
"""So long after the last one that passed, arrays are still short for the next."""
_BROKEN_AFTER = 3
"""Batches in a row that no model could answer; the device must be taken for broken then."""


class Worker:
    """Answers batches of any task with the versions that they name."""

    def __init__(
        self,
        *,
        worker_id: str,
        queue: str,
        device: str,
        heartbeat_s: float,
        models: LoadedModels,
        results: Results,
        bus: Bus,
        pulse: Pulse = no_pulse,
        on_broken: Callable[[], None] = lambda: None,
        rollouts: Rollouts,
        profiles: Profiles,
        wait: Wait | None = None,
        release: Callable[[], object] = gc.collect,
        on_useless: Callable[[NothingLoadedError], object] = lambda error: None,
        share: Share = EVERYTHING,
        group: str = "",
    ) -> None:
        """Nothing runs before `start`.

        Args:
            worker_id: unique among all workers.
            queue: the queue that `run_batch` is fed from.
            device: `cpu`, `cpu:0-3` or `gpu:0`, for people.
            heartbeat_s: seconds between announcements.
            models: where versions are loaded.
            results: the store.
            bus: the way to the dispatchers.
            pulse: told at each beat since when a batch runs.
            on_broken: called when batch after batch fails on the model's own samples.
            rollouts: which versions it should have, and where it says which it has.
            profiles: what was asked for before.
            wait: for news of changes; None: there are none, it looks every few seconds.
            release: called after versions were given up.
            on_useless: called when none of the routed versions can be loaded.
            share: the models that dispatchers may send it work for.
            group: the name of that share; empty: all models that are in no group.
        """
        self.worker_id = worker_id
        self.queue = queue
        self._models = models
        here = Here(
            worker_id=worker_id,
            device=device,
            serves=share,
            memory_limit=models.memory_limit,
            memory_bytes=0,
            heartbeat_at=0.0,
        )
        told = Told(changed=lambda: self.heart.tell(), released=release, useless=on_useless)
        urgency = Urgency(bus.wanted, profiles.profiles)
        self._replicas = Replicas(models, rollouts, here, urgency, told, wait)
        self._on_broken = on_broken
        self._broken = 0
        self._draining = False
        self._memories: dict[tuple[int, bool], Memory] = {}
        self._gave_way_s = 0.0
        self._passed_at = -LATELY_S
        state = WorkerState(
            worker_id=worker_id,
            queue=queue,
            device=device,
            pid=os.getpid(),
            serves=share,
            group=group,
        )
        self.heart = Heart(bus, state, models.loaded, heartbeat_s, pulse)
        self._persister = Persister(worker_id, results, bus, self.heart.reported)
        self._quick_persister = Persister(worker_id, results, bus, self.heart.reported)
        self._computer = Computer(self._compute)
        self._parser: Stage[Batch] = Stage("parse", self._parse)

    def start(self) -> None:
        """Announce the worker and begin to load what it should have; batches may come from now on,
        of each model once its live version is loaded and warm."""
        self._persister.start()
        self._quick_persister.start()
        self._computer.start()
        self._parser.start()
        self._replicas.start()  # first: the announcement says what is not to be sent yet
        self.heart.start()

    def run_batch(self, message: bytes) -> None:
        """Hand one batch on to be parsed and computed; one that passes is parsed here, before those
        that wait. Never raises."""
        if self._draining or not message:
            return
        try:
            batch = decode_batch(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            _log.error("Refused a message of %d bytes that is no batch.", len(message))
            return
        if batch.passes:
            self._passed_at = time.monotonic()
            self._begin(batch)
        else:
            self._parser.put(batch)

    def _parse(self, batch: Batch) -> None:
        """Wait in the parser's thread, not in the reader's, which takes what passes meanwhile."""
        self._computer.admit()
        self._begin(batch)

    def _begin(self, batch: Batch) -> None:
        self.heart.begin(batch.batch_id, passes=batch.passes)
        self._computer.put(self._read(batch))

    def drain(self) -> None:
        """Take no more batches. Call `finish` when `run_batch` has returned."""
        self._draining = True

    def finish(self) -> None:
        """Compute what is in hand, write and report it, then withdraw."""
        self._draining = True
        self._replicas.stop()
        self._parser.finish()
        self._computer.finish()
        self._persister.finish()
        self._quick_persister.finish()
        self.heart.stop()

    def _read(self, batch: Batch) -> Step:
        started = time.perf_counter()
        try:
            model = self._models.get(batch.version_id, batch.digest)
            found: Read | Exception = read(batch, model, datetime.now(UTC))
        except Exception as error:  # told when it is the batch's turn
            found = error
        return Step(batch, found, time.perf_counter() - started)

    def _compute(self, step: Step) -> None:
        """Answer a batch that was read, and hand it on to be written."""
        passes = step.batch.passes
        work = self._work(step)
        self.heart.computed(step.batch.batch_id, passes=passes)
        (self._quick_persister if passes else self._persister).put(work)

    def _way(self) -> Way:
        """Arrays are short while batches pass: each waits for the end of one."""
        lately = time.monotonic() - self._passed_at < LATELY_S
        return Way(self._give_way, PASSED_TOKENS) if lately else Way(self._give_way)

    def _give_way(self) -> None:
        started = time.perf_counter()
        self._computer.give_way()
        self._gave_way_s += time.perf_counter() - started

    def _work(self, step: Step) -> Work:
        batch = step.batch
        started, gave_way_s = time.perf_counter(), self._gave_way_s
        memory = self._memories.setdefault((batch.version_id, batch.passes), Memory())
        try:
            way = STRAIGHT if batch.passes else self._way()
            answers, endings = solve(step.taken(), memory, way)
        except UnavailableError as error:
            return Work(batch=batch, failure=("store_unavailable", str(error)))
        except (ArtifactError, ModelFailedError) as error:
            return self._unanswerable(batch, error)
        except Exception as error:  # the edge of a batch: one that fails must not end the worker
            _log.error("Batch %s failed: %s.", batch.batch_id, kind(error))
            return Work(batch=batch, failure=("worker_error", type(error).__name__))
        self._broken = 0
        return Work(
            batch=batch,
            answers=answers,
            endings=endings,
            compute_s=step.seconds + time.perf_counter() - started - self._gave_way_s + gave_way_s,
            exhausted=memory.has_failed(),
        )

    def _unanswerable(self, batch: Batch, error: ArtifactError | ModelFailedError) -> Work:
        _log.error("Batch %s: version %d: %s", batch.batch_id, batch.version_id, error)
        if isinstance(error, ModelFailedError):
            self._models.forget(batch.version_id)
            self._broken += 0 if batch.shadow else 1
            if self._broken >= _BROKEN_AFTER:
                self._on_broken()
        return Work(batch=batch, failure=("model_unavailable", str(error)))
