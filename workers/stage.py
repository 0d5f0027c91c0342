"""One stage of a worker: a thread that does what it is handed, one after the other."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Stage(Generic[T]):
    """A thread behind a queue."""

    def __init__(self, name: str, do: Callable[[T], None], depth: int = 0) -> None:
        """Nothing runs before `start`.

        Args:
            name: of the thread.
            do: called in the thread for each thing; must not raise.
            depth: how many may wait; whoever hands over one more waits. 0: any number.
        """
        self._do = do
        self._queue: queue.Queue[T | None] = queue.Queue(depth)
        self._thread = threading.Thread(target=self._run, name=f"textmill-{name}", daemon=True)

    def start(self) -> None:
        """Begin to take things."""
        self._thread.start()

    def put(self, thing: T) -> None:
        """Hand one over."""
        self._queue.put(thing)

    def finish(self) -> None:
        """Do what was handed over, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (thing := self._queue.get()) is not None:
            self._do(thing)
