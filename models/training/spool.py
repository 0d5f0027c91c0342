"""Encoded texts on disk: what a training needs in memory does not grow with their length.

The numbers lie one after another in a file without a name, which vanishes with the process however
that ends. Reading a text is one system call, and the pages stay the kernel's, to keep or to drop;
in memory there are eight bytes a text. (A mapped file would count as the process's own memory.)
"""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from models.text.tokenizer import Ids

_BUFFER = 1 << 20  # bytes


class Spool(Sequence[Ids]):
    """int32 arrays [tokens] or [tokens, columns], written once, read in any order."""

    def __init__(self, arrays: Iterable[Ids], folder: Path | None = None) -> None:
        """Write the arrays, which must have the same number of columns, if any.

        Args:
            arrays: consumed once.
            folder: where the file lies; None: the system's folder for temporary files.
        """
        self._file, path = tempfile.mkstemp(dir=folder)
        os.unlink(path)
        weakref.finalize(self, os.close, self._file)
        self._ends, self._buffer = array("q", [0]), bytearray()
        self._width: tuple[int, ...] = ()
        for one in arrays:
            self._add(one)
        self._write()

    @classmethod
    def of_pairs(
        cls, pairs: Iterable[tuple[Ids, Ids]], folder: Path | None = None
    ) -> "tuple[Spool, Spool]":
        """Return a spool of the first and one of the second arrays of some pairs."""
        first, second = cls.of_rows(pairs, 2, folder)
        return first, second

    @classmethod
    def of_rows(
        cls, rows: Iterable[Sequence[Ids]], columns: int, folder: Path | None = None
    ) -> "list[Spool]":
        """Return a spool for each column of some rows, which are gone over once."""
        spools = [cls((), folder) for _ in range(columns)]
        for row in rows:
            for spool, one in zip(spools, row, strict=True):
                spool._add(one)
        for spool in spools:
            spool._write()
        return spools

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each, int64 [texts]."""
        columns = int(np.prod(self._width, dtype=np.int64))
        ends = np.frombuffer(self._ends, dtype=np.int64)
        return (ends[1:] - ends[:-1]) // columns

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Ids: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Ids]: ...

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        start, end = self._ends[at : at + 2]
        raw = os.pread(self._file, 4 * (end - start), 4 * start)
        return np.frombuffer(raw, dtype=np.int32).reshape(-1, *self._width)

    def _add(self, one: Ids) -> None:
        self._width = one.shape[1:]
        self._ends.append(self._ends[-1] + one.size)
        self._buffer += np.ascontiguousarray(one, dtype=np.int32).tobytes()
        if len(self._buffer) >= _BUFFER:
            self._write()

    def _write(self) -> None:
        while self._buffer:
            del self._buffer[: os.write(self._file, self._buffer)]
