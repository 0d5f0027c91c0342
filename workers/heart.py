"""A worker's heartbeat: tells the dispatchers that it lives, what it runs and what it can.

A batch is announced before it is touched: should it kill the process, the dispatchers know that it
was this one, or the one behind it that was parsed meanwhile. From then until it is reported each
beat names it, as in hand or as being written: a slow database must not look like an idle worker.
The *pulse* is the same news for the supervisor on this machine; it shows a worker that beats but
runs one batch for too long.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from schemas.batch import Costs, WorkerState
from schemas.errors import UnavailableError
from workers.ports import Bus

_log = logging.getLogger(__name__)

Pulse = Callable[[float | None], None]
"""Told at each beat since when (`time.monotonic`) a batch runs; None when none does."""


class Loaded(NamedTuple):
    """What of a worker's models is in memory."""

    versions: tuple[int, ...]
    costs: Costs
    """What their warm-up took."""
    loading: tuple[str, ...] = ()
    """Names of models that it may not be sent work for yet."""


def no_pulse(running_since: float | None) -> None:
    """For a worker that nobody on this machine watches."""


class Heart:
    """Announces one worker at an interval, and at once when a batch begins."""

    def __init__(
        self,
        bus: Bus,
        state: WorkerState,
        loaded: Callable[[], Loaded],
        heartbeat_s: float,
        pulse: Pulse = no_pulse,
    ) -> None:
        self._bus = bus
        self._state = state
        self._loaded = loaded
        self._heartbeat_s = heartbeat_s
        self._pulse = pulse
        self._lock = threading.Lock()  # an older state must not be announced after a newer one
        self._changing = threading.Lock()  # never held for long: two threads tell what they do
        self._since: float | None = None
        self._hands: list[str] = []
        self.done = 0
        """Batches that are reported."""
        self._reachable = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="textmill-heart", daemon=True)

    def start(self) -> None:
        """Announce the worker and go on doing so."""
        self._announce()
        self._thread.start()

    def begin(self, batch_id: str, *, passes: bool = False) -> None:
        """A batch is in hand from now on, behind what is in hand already, or passing it."""
        with self._changing:
            if passes:
                passing = (*self._state.passing, batch_id)
                self._state = msgspec.structs.replace(self._state, passing=passing)
            else:
                self._hold([*self._hands, batch_id])
        if self._reachable:  # else the device would wait for a dead bus at each batch
            self._announce()

    def computed(self, batch_id: str, *, passes: bool = False) -> None:
        """The first batch, or the first that passes, is out of hand and waits to be written; told
        with the next beat."""
        with self._changing:  # for a moment in both places, but never in none
            writing = (*self._state.writing, batch_id)
            self._state = msgspec.structs.replace(self._state, writing=writing)
            if passes:
                passing = self._state.passing[1:]
                self._state = msgspec.structs.replace(self._state, passing=passing)
            else:
                self._hold(self._hands[1:])

    def reported(self, batch_id: str) -> None:
        """Nothing more will be done about a computed batch; told with the next beat."""
        with self._changing:
            writing = list(self._state.writing)
            writing.remove(batch_id)  # once: the same batch may have come twice
            self._state = msgspec.structs.replace(self._state, writing=tuple(writing))
            self.done += 1

    def _hold(self, hands: list[str]) -> None:
        """Note what is in hand; the time of the first begins anew when it is another."""
        if hands[:1] != self._hands[:1]:
            self._since = time.monotonic() if hands else None
        self._hands = hands
        running, following = (*hands[:2], None, None)[:2]
        self._state = msgspec.structs.replace(self._state, running=running, following=following)

    @property
    def state(self) -> WorkerState:
        """What the next beat will say."""
        return msgspec.structs.replace(self._state, **self._loaded()._asdict())

    def stop(self) -> None:
        """Stop beating and withdraw the worker."""
        self._stopping.set()
        self._thread.join()
        try:
            self._bus.withdraw(self._state.worker_id)
        except UnavailableError as error:
            _log.warning("Left without saying so: %s", error)

    def _beat(self) -> None:
        while not self._stopping.wait(self._heartbeat_s):
            self._announce()

    def tell(self) -> None:
        """Announce now what has changed; nothing before `start`."""
        if self._thread.ident is not None and not self._stopping.is_set():
            self._announce()

    def _announce(self) -> None:
        now = self._loaded()
        if now.versions or not now.loading:  # before, there is no worker for the supervisor
            self._pulse(self._since)
        with self._lock:
            try:
                self._bus.announce(self.state)
            except UnavailableError as error:
                if self._reachable:
                    _log.warning("%s Going on, and trying again.", error)
                self._reachable = False
            else:
                if not self._reachable:
                    _log.warning("The dispatchers can be reached again.")
                self._reachable = True
