"""Kombu's memory transport, waiting instead of polling.

Kombu's own asks its queues again after a pause; two milliseconds of it cost four per cent of a core
around the clock, a second of it is what a job then waits. Here whoever puts a message wakes
whoever waits. The queues are shared by name within the process, and by nothing else.
"""

import threading
import time
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, memory

URL = "textmill-memory://localhost"
TRANSPORT_ALIASES["textmill-memory"] = "workers.handover.memory_transport:Transport"


class _Arrivals:
    """Counts messages, so that one that comes between a look and a wait is not slept over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def note(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count != seen, timeout_s)


_arrivals = _Arrivals()


class Channel(memory.Channel):  # type: ignore[misc]
    """A channel whose `put` wakes the waiting consumers."""

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        super()._put(queue, message, **options)
        _arrivals.note()


class Transport(memory.Transport):  # type: ignore[misc]
    """A transport that sleeps until there is something to deliver."""

    Channel = Channel
    driver_type = "textmill-memory"

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Deliver one message; TimeoutError where none comes in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = _arrivals.count
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = None if deadline is None else deadline - time.monotonic()
                if not _arrivals.wait(seen, left):
                    raise TimeoutError from None
            else:
                return


def forget(queue: str) -> None:
    """Drop a queue and what is in it."""
    memory.Channel.queues.pop(queue, None)
