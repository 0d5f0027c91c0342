"""Parquet: a column of strings for texts, of lists of strings for tokens, tags and turns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.training.reading.columns import Columns, decoder
from schemas.errors import DataError

__all__ = ["decoder", "rows"]

_BATCH = 256
_BUFFER = 1 << 20  # bytes: pages are read as they are needed, not whole row groups


def rows(path: Path, columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row as a mapping of columns to values, row by row in small batches.

    Raises DataError where the file is no Parquet or lacks one of `columns`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            found = columns.found(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(_BATCH, columns=found):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
