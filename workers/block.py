"""Rows that are written together, by row or by column: whichever the form of a file needs.

A million rows are written in seconds only where nothing is done for each value: so a column is a
list, or an Arrow array where it came as one, and goes to its file as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from producers.parquet import dicts

Rows = Sequence[Mapping[str, Any]]


class Block(Protocol):
    """Some rows of a file."""

    def __len__(self) -> int:
        """How many."""

    def rows(self) -> Rows:
        """Each as a mapping."""

    def column(self, name: str) -> Any:
        """The values of a column, one a row: a list, or an Arrow array."""


class Listed:
    """Rows that are mappings already; a column that one lacks is None."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Rows:
        """See `Block`."""
        return self._rows

    def column(self, name: str) -> list[Any]:
        """See `Block`."""
        return [row.get(name) for row in self._rows]


class Beside:
    """Columns of ours beside rows, or beside an Arrow table."""

    def __init__(self, source: Any, own: Mapping[str, list[Any]]) -> None:
        """
        Args:
            source: a list of dicts, or an Arrow table.
            own: the columns, in the order in which they follow those of the source.
        """
        self._source = source
        self._own = own

    def __len__(self) -> int:
        return len(self._source)

    def rows(self) -> Rows:
        """See `Block`; the dicts of the source themselves, with our columns."""
        rows = self._source if isinstance(self._source, list) else dicts(self._source)
        for name, values in self._own.items():
            for row, value in zip(rows, values, strict=True):
                row[name] = value
        return rows

    def column(self, name: str) -> Any:
        """See `Block`."""
        if name in self._own:
            return self._own[name]
        if isinstance(self._source, list):
            return [row.get(name) for row in self._source]
        return self._source.column(name)
