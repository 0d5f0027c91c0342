"""The rows of a bulk job's input once more, for its export: what is in them and nothing else."""

import itertools
from collections.abc import Iterator
from typing import Any

from producers.bulk.request import Request, check_unchanged
from producers.bulk.source import found
from producers.parquet import batches, is_parquet, schema_in
from producers.rows import good_rows


class Again:
    """Takes the rows in order, as many at a time as one wants."""

    def __init__(self, request: Request, *, all_good: bool) -> None:
        """
        Args:
            request: whose input.
            all_good: whether no row is bad. Then they are read faster, and come as an Arrow table
                where the input is one file of Parquet.
        """
        (first, *more) = request.files
        self._is_table = all_good and not more and is_parquet(first.path)
        if self._is_table:
            check_unchanged(first)
            self._batches = batches(first.path, request.needed)
            self._rest: Any = None
        else:
            self._rows = _good(request) if all_good else (one.values for one in found(request))

    def take(self, number: int) -> Any:
        """The next rows, fewer at the end: a list of dicts, or an Arrow table.

        Raises:
            DataError: the input cannot be read, or has changed.
        """
        if not self._is_table:
            return list(itertools.islice(self._rows, number))
        import pyarrow as pa

        held = [] if self._rest is None else self._rest.to_batches()
        rows = sum(map(len, held))
        while rows < number and (batch := next(self._batches, None)) is not None:
            held.append(batch)
            rows += len(batch)
        table = pa.Table.from_batches(held) if held else []
        self._rest = table[number:] if held else None
        return table[:number]


def schema_of(request: Request) -> Any:
    """The Arrow schema of an input that is one file of Parquet; None of any other.

    Raises:
        DataError: it cannot be read, or has changed.
    """
    (first, *more) = request.files
    if more or not is_parquet(first.path):
        return None
    check_unchanged(first)
    return schema_in(first.path)


def _good(request: Request) -> Iterator[dict[str, Any]]:
    for file in request.files:
        check_unchanged(file)
        yield from good_rows(file.path, request.needed)
        check_unchanged(file)
