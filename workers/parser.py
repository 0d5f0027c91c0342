"""The thread that parses batches one after the other, so that who reads the queue never waits.

Each waits until one of the two in hand is out of hand; meanwhile the reader takes what passes them.
"""

import queue
import threading
from collections.abc import Callable

from schemas.batch import Batch


class Parser:
    """Parses what was read, in order. Dispatchers' credits bound how much waits here."""

    def __init__(self, parse: Callable[[Batch], None]) -> None:
        """`parse` is called in the parser's thread and must not raise."""
        self._parse = parse
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="textmill-parse", daemon=True)

    def start(self) -> None:
        """Begin to take batches."""
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Hand over what was read."""
        self._queue.put(batch)

    def finish(self) -> None:
        """Parse what was handed over, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            self._parse(batch)
