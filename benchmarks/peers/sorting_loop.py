"""What a careful engineer writes by hand: windows of 1,024, sorted by length, rows in a thread.

Each window is tokenised at once, sorted and cut by length into arrays of at most a budget of padded
tokens; rows of the last window are written, in one statement, while the next is computed; offsets
are committed once their rows are.
"""

import queue
import threading
from typing import Any

import psycopg
from kafka.structs import OffsetAndMetadata

from benchmarks.peers import given as g
from benchmarks.peers.model import load

WINDOW = 1024
AHEAD = 2
"""Windows that may wait for the writer."""

Offsets = dict[Any, OffsetAndMetadata]


class Writer:
    """Inserts windows in a thread; tells which offsets may be committed."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._waiting: queue.Queue[tuple[list[g.Answer], Offsets]] = queue.Queue(AHEAD)
        self._written: queue.Queue[Offsets] = queue.Queue()
        self._failure: BaseException | None = None
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, rows: list[g.Answer], offsets: Offsets) -> None:
        """Hand over a window; waits while the writer is behind."""
        while True:
            if self._failure is not None:
                raise self._failure
            try:
                return self._waiting.put((rows, offsets), timeout=1)
            except queue.Full:
                continue

    def written(self) -> Offsets:
        """Offsets whose rows are committed since the last call."""
        offsets: Offsets = {}
        while not self._written.empty():
            offsets |= self._written.get()
        return offsets

    def _write(self) -> None:
        try:
            with psycopg.connect(g.postgres()) as connection:
                while True:
                    rows, offsets = self._waiting.get()
                    g.insert(connection, self._run, rows)
                    self._written.put(offsets)
        except BaseException as error:  # told by the loop
            self._failure = error


def main() -> None:
    """Answer until ended."""
    given = g.Given.read()
    model, consumer = load(given.version), g.consumer(given, WINDOW)
    writer = Writer(given.run)
    while True:
        if jobs := g.take(consumer, WINDOW):
            offsets = {
                partition: OffsetAndMetadata(consumer.position(partition), "", -1)
                for partition in consumer.assignment()
            }
            predictions = model.predict_texts([job.text for job in jobs])
            writer.put(g.answers(jobs, predictions), offsets)
        if done := writer.written():
            consumer.commit_async(done)


if __name__ == "__main__":
    main()
