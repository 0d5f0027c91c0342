"""Batches at the workers: who has which, since when, and which must be sent again.

A batch is *lost* when its worker is gone, when its lease ran out, or when its worker has neither
computed nor written anything since it was sent (the hand-over may lose what it carries). A lost
batch is sent again; a worker that is only slow will report too, which is harmless. A worker that
has been in one batch for longer than a lease hangs: it gets nothing more until it is out of it.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from schemas.batch import WorkerState
from workers.core.flight import Flight, Loss
from workers.core.lag import LEAST_S, Lag

CREDITS: Final = 3
"""Batches a worker may have from one dispatcher: one being written, one running, one staged behind
it."""

PASSING: Final = 2
"""Batches of interactive jobs that may be at a worker beside those, passing the bulk work there."""

UNABLE_S: Final = 30.0
"""How long a worker that could not answer with a version comes last for that version."""


class Flights:
    """All batches that are out. Not thread-safe; time is an argument."""

    def __init__(self, *, lease_s: float, patience_s: float) -> None:
        """
        Args:
            lease_s: a batch not back after so many seconds is sent again.
            patience_s: a worker unseen, or idle with a batch on its way, for so long is given up.
        """
        self._lease_s = lease_s
        self._patience_s = patience_s
        self._flights: dict[str, Flight] = {}
        self._at: dict[str, dict[str, Flight]] = {}
        """The same by worker, in the order of sending, without those that pass."""
        self._passing: dict[str, int] = {}
        """How many pass, by worker."""
        self._passed: dict[str, tuple[str, ...]] = {}
        self._seen_at: dict[str, float] = {}
        self._busy_at: dict[str, float] = {}
        self._running: dict[str, str | None] = {}
        self._following: dict[str, str | None] = {}
        self._alive: dict[str, WorkerState] = {}
        self._since: dict[str, float] = {}
        self._left_at: dict[str, float] = {}
        self._hung: dict[str, str] = {}
        self._unable: dict[tuple[str, int], float] = {}
        self._lags: dict[tuple[str, bool], Lag] = {}
        """By worker, of the batches that pass apart from the others."""

    def __len__(self) -> int:
        """Batches that are out."""
        return len(self._flights)

    def send(self, flight: Flight) -> None:
        """Note that the batch is on its way."""
        self._flights[flight.batch_id] = flight
        if flight.passes:
            self._passing[flight.worker_id] = self._passing.get(flight.worker_id, 0) + 1
            return
        self._at.setdefault(flight.worker_id, {})[flight.batch_id] = flight

    def land(self, batch_id: str, left_at: float | None = None) -> Flight | None:
        """Take the batch off the list; None when it was given up before.

        Args:
            batch_id: which.
            left_at: when the device was done with it; None when it was not.
        """
        flight = self._flights.pop(batch_id, None)
        if flight is not None and flight.passes:
            self._passing[flight.worker_id] -= 1
        elif flight is not None:
            at = self._at[flight.worker_id]
            del at[batch_id]
            if left_at is not None:
                self._left_at[flight.worker_id] = left_at
            if not at:
                del self._at[flight.worker_id]
        return flight

    def see(self, workers: Sequence[WorkerState], now: float) -> None:
        """Note which workers live and what they have in hand."""
        self._alive = {worker.worker_id: worker for worker in workers}
        for worker in workers:
            self._seen_at[worker.worker_id] = now
            if worker.running != self._running.get(worker.worker_id):
                self._since[worker.worker_id] = now
            self._running[worker.worker_id] = worker.running
            self._following[worker.worker_id] = worker.following
            self._passed[worker.worker_id] = worker.passing
            if worker.running is not None or worker.passing or worker.writing:
                self._busy_at[worker.worker_id] = now

    def blind(self, now: float) -> None:
        """The workers could not be asked: that says nothing against them."""
        for worker_id in self._seen_at:
            self._seen_at[worker_id] = self._busy_at[worker_id] = now

    def load(self, worker_id: str) -> int:
        """Batches that this worker has from us, without those that pass."""
        return len(self._at.get(worker_id, ()))

    def ahead_s(self, worker_id: str, now: float) -> float:
        """Predicted seconds until this worker's device has done what it has from us."""
        flights = self._at.get(worker_id)
        if not flights:
            return 0.0
        first = next(iter(flights.values()))
        began = max(first.sent_at, self._left_at.get(worker_id, first.sent_at))
        seconds = sum(flight.seconds for flight in flights.values())  # the first may be written now
        return max(seconds - max(now - began, 0.0), 0.0)

    def done_at(self, worker_id: str, seconds: float, now: float, *, passes: bool = False) -> float:
        """When the device will be done with a batch that is sent now, predicted."""
        return now + (0.0 if passes else self.ahead_s(worker_id, now)) + seconds

    def learn(self, flight: Flight, now: float) -> None:
        """A batch that was answered as a whole is home now."""
        lag = self._lags.setdefault((flight.worker_id, flight.passes), Lag())
        lag.learn(now - flight.done_at, now)

    def lag_s(self, worker_id: str, now: float, *, passes: bool = False) -> float:
        """How much later than the device is done with them this worker's batches come home."""
        lag = self._lags.get((worker_id, passes))
        return lag.seconds(now) if lag else LEAST_S

    def running_s(self, worker_id: str) -> float:
        """Predicted seconds of the first batch that this worker has from us, as a whole."""
        flights = self._at.get(worker_id)
        return next(iter(flights.values())).seconds if flights else 0.0

    def soonest_s(self, now: float) -> float:
        """The least of that among the living."""
        if len(self._at) < len(self._alive):
            return 0.0
        return min((self.ahead_s(worker_id, now) for worker_id in self._alive), default=0.0)

    def alive(self) -> list[str]:
        """Ids of the living workers that do not hang, in a stable order."""
        return sorted(one for one in self._alive if not self._hangs(one))

    def _hangs(self, worker_id: str) -> bool:
        worker, hung = self._alive[worker_id], self._hung.get(worker_id)
        return hung is not None and hung in (worker.running, *worker.passing)

    def open_workers(self, now: float) -> list[WorkerState]:
        """Living workers with a credit that do not hang, the least loaded first."""
        loads = {worker_id: self.load(worker_id) for worker_id in self.alive()}
        free = [worker_id for worker_id, load in loads.items() if load < CREDITS]

        def rank(worker_id: str) -> tuple[int, float]:
            load = loads[worker_id]
            return load, self.ahead_s(worker_id, now) if load else 0.0

        return [self._alive[worker_id] for worker_id in sorted(free, key=rank)]

    def gives_way(self, worker_id: str) -> bool:
        """Whether this worker has bulk work from us, which interactive jobs may pass."""
        return any(flight.bulk for flight in self._at.get(worker_id, {}).values())

    def passable(self, now: float) -> list[WorkerState]:
        """Those with bulk work that one more batch may pass, the least busy first."""
        free = (one for one in self.alive() if self._passing.get(one, 0) < PASSING)
        able = [one for one in free if self.gives_way(one)]
        return [self._alive[one] for one in sorted(able, key=lambda one: self.ahead_s(one, now))]

    def isolated_at(self) -> str | None:
        """The worker that has a batch alone; None where none has."""
        return next((f.worker_id for f in self._flights.values() if f.isolated), None)

    def documents(self) -> Counter[tuple[str, str]]:
        """Documents of bulk jobs that are out, by job and task."""
        out = (each for flight in self._flights.values() for each in flight.deliveries)
        return Counter(
            (each.item.job.bulk_id, each.item.task.value)
            for each in out
            if each.bulk and each.item.job.bulk_id is not None
        )

    def serving(self, model: str) -> list[str]:
        """Ids of the `alive` that serve this model, in a stable order."""
        return [one for one in self.alive() if model in self._alive[one].serves]

    def unable(self, worker_id: str, version_id: int, now: float) -> None:
        """This worker could not answer with this version: others go first for a while."""
        self._unable[worker_id, version_id] = now + UNABLE_S

    def choose(self, workers: Sequence[WorkerState], version_id: int, now: float) -> WorkerState:
        """The first of these workers that can, or is not known not to be able to."""
        able = (w for w in workers if self._unable.get((w.worker_id, version_id), now) <= now)
        return next(able, workers[0])

    def lost(self, now: float) -> list[tuple[Flight, Loss]]:
        """The batches to give up, each with the reason; forget workers that are gone."""
        found = []
        for flight in self._flights.values():
            loss = self._loss(flight, now)
            if loss is not None:
                found.append((flight, loss))
            if loss is Loss.WORKER_HANGS_IN_IT:
                self._hung[flight.worker_id] = flight.batch_id
        self._forget_gone(now, {flight.worker_id for flight, _ in found})
        return found

    def _loss(self, flight: Flight, now: float) -> Loss | None:
        if now - self._seen_at.get(flight.worker_id, flight.sent_at) > self._patience_s:
            return self._death(flight)
        if self._is_run(flight):
            since = flight.sent_at if flight.passes else self._since[flight.worker_id]
            return Loss.WORKER_HANGS_IN_IT if now - since > self._lease_s else None
        if now - flight.sent_at > self._lease_s:
            return Loss.LEASE_OVER
        idle_since = max(flight.sent_at, self._busy_at.get(flight.worker_id, 0.0))
        if now - idle_since > self._patience_s and flight.worker_id in self._alive:
            return Loss.HAND_OVER
        return None

    def _death(self, flight: Flight) -> Loss:
        """What the batch may have to do with the end of its worker."""
        if self._is_run(flight):
            return Loss.WORKER_DIED_RUNNING_IT
        parsed = self._following.get(flight.worker_id) == flight.batch_id
        return Loss.WORKER_DIED_PARSING_IT if parsed else Loss.WORKER_GONE

    def _is_run(self, flight: Flight) -> bool:
        """Whether its worker said that it computes it, be it between the arrays of another."""
        worker_id = flight.worker_id
        passed = flight.batch_id in self._passed.get(worker_id, ())
        return passed or self._running.get(worker_id) == flight.batch_id

    def _forget_gone(self, now: float, in_use: Collection[str]) -> None:
        for worker_id, seen in list(self._seen_at.items()):
            if now - seen > 10 * self._patience_s and worker_id not in in_use:
                self._forget(worker_id)

    def _forget(self, worker_id: str) -> None:
        for known in (self._seen_at, self._busy_at, self._running, self._following, self._since):
            known.pop(worker_id, None)
        self._passed.pop(worker_id, None)
        self._passing.pop(worker_id, None)
        self._hung.pop(worker_id, None)
        self._left_at.pop(worker_id, None)
        self._unable = {key: at for key, at in self._unable.items() if key[0] != worker_id}
        self._lags = {key: lag for key, lag in self._lags.items() if key[0] != worker_id}
