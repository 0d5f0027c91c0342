"""The file that is submitted: ids, texts, and two columns of its own."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS: Final = ("id", "text", "stars", "seen")
GROUP: Final = 50_000
"""Rows that are written together."""
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def write(path: Path, texts: Sequence[str], rows: int) -> None:
    """Write so many rows: the texts over and over, each with its row's number at its end, so that
    no text comes twice and none is answered for another."""
    tables = (_table(texts, first, min(first + GROUP, rows)) for first in range(0, rows, GROUP))
    first = next(tables)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def blocks(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """These columns of a file, as Arrow batches."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(GROUP, columns=list(columns))


def _table(texts: Sequence[str], first: int, end: int) -> Any:
    numbers = range(first, end)
    return pa.table(
        {
            "id": [f"row-{number}" for number in numbers],
            "text": [f"{texts[number % len(texts)]} {number}" for number in numbers],
            "stars": [number % 5 + 1 for number in numbers],
            "seen": [_FIRST + timedelta(seconds=number) for number in numbers],
        }
    )
