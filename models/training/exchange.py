"""Several processes that learn one network: each its share of every batch, all the same step.

Every process has the same weights and draws the same batches. It learns its own rows, and what it
found, loss and gradients, is averaged over the processes by what their means are taken over (texts
or tokens), which is the mean over the whole batch. The first process adds up, so all get the same
bits. Numbers go through memory that the processes share, turns and words through sockets that the
first made for the others: no port is opened, and a process that is gone is noticed at once, as the
end of its stream.
"""

import mmap
import os
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

import msgspec
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.training.batches import Batch

Rows = list[dict[str, float]]


class Exchange(Protocol):
    """How a process of a training is joined to the others."""

    @property
    def rank(self) -> int:
        """Number of this process; 0 scores, reports and writes."""

    def share(self, batch: Batch) -> Batch:
        """Return the rows of the batch that this process learns."""

    def mean(self, tensors: Sequence[Any], count: Any) -> list[Any]:
        """Return the mean of float32 tensors over the processes, in a graph; None stays None.

        `count`, a scalar, says over how many examples or tokens this process has the mean already.
        """

    def tell(self, rows: Rows) -> Rows:
        """Return the first process's rows, in all, once all are here."""


class Alone:
    """One process that learns everything."""

    rank = 0

    def share(self, batch: Batch) -> Batch:
        """See `Exchange`."""
        return batch

    def mean(self, tensors: Sequence[Any], count: Any) -> list[Any]:
        """See `Exchange`."""
        return list(tensors)

    def tell(self, rows: Rows) -> Rows:
        """See `Exchange`."""
        return rows


ALONE = Alone()


class LostError(Exception):
    """Another process of the training is gone."""


class Joined:
    """One of several processes; the first has a line to each other, the others one to it."""

    def __init__(self, rank: int, count: int, lines: Mapping[int, Connection], memory: int) -> None:
        """Take a line by the rank of its other end, and the file descriptor of shared memory."""
        self.rank, self._count, self._lines, self._memory = rank, count, lines, memory
        self._values = np.zeros((count, 0), np.float32)
        self.lost: int | None = None
        """Rank of the process whose end was noticed first."""

    def share(self, batch: Batch) -> Batch:
        """Return every `count`-th row; all of a batch that has fewer rows than processes."""
        if len(batch.indices) < self._count:
            return batch
        own = slice(self.rank, None, self._count)
        return Batch(batch.ids[own], batch.labels[own], batch.indices[own])

    def mean(self, tensors: Sequence[Any], count: Any) -> list[Any]:
        """See `Exchange`; ends in LostError, in TensorFlow's words, where another is gone."""
        known = [tf.convert_to_tensor(one) for one in tensors if one is not None]
        flat = tf.concat([tf.reshape(one, [-1]) for one in (*known, tf.cast(count, tf.float32))], 0)
        mean = tf.numpy_function(self.mean_of, [flat], tf.float32)
        parts = iter(tf.split(mean, [*(one.shape.num_elements() for one in known), 1])[:-1])
        shapes = iter(known)
        return [
            None if one is None else tf.reshape(next(parts), next(shapes).shape) for one in tensors
        ]

    def mean_of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of the processes' values [n + 1], weighted by the last of them.

        Raises LostError where another process is gone.
        """
        own: NDArray[np.float32] = values * values[-1]
        own[-1] = values[-1]
        shared = self._shared(len(values))
        if self.rank:
            shared[self.rank] = own
            self._say(0, b"")
            self._hear(0)
            return np.array(shared[0])
        for rank in self._lines:
            self._hear(rank)
            own += shared[rank]
        own /= own[-1]
        shared[0] = own
        for rank in self._lines:
            self._say(rank, b"")
        return own

    def tell(self, rows: Rows) -> Rows:
        """See `Exchange`; LostError where another process is gone."""
        if self.rank:
            self._say(0, b"")
            return msgspec.json.decode(self._hear(0), type=Rows)
        for rank in self._lines:
            self._hear(rank)
        for rank in self._lines:
            self._say(rank, msgspec.json.encode(rows))
        return rows

    def _shared(self, size: int) -> NDArray[np.float32]:
        """Return the memory of all processes [count, size]; the first row is the mean's."""
        if self._values.shape[1] != size:
            whole = self._count * size * self._values.itemsize
            os.ftruncate(self._memory, whole)
            memory = mmap.mmap(self._memory, whole)
            self._values = np.frombuffer(memory, np.float32).reshape(self._count, size)
        return self._values

    def _say(self, rank: int, content: bytes) -> None:
        try:
            self._lines[rank].send_bytes(content)
        except OSError as error:
            raise self._end_of(rank) from error

    def _hear(self, rank: int) -> bytes:
        try:
            return self._lines[rank].recv_bytes()
        except (EOFError, OSError) as error:
            raise self._end_of(rank) from error

    def _end_of(self, rank: int) -> LostError:
        self.lost = rank
        return LostError(f"process {rank + 1} is gone")
