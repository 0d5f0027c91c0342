"""Files of Parquet: their rows as Arrow batches, and what they say of themselves."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from producers.header import require
from producers.opening import unpacked
from schemas.errors import DataError

if TYPE_CHECKING:
    from producers.bulk.chunk import Kind

ROWS: Final = 1000
"""Of a batch."""


def is_parquet(name: str) -> bool:
    """Whether a file of this name is read as Parquet."""
    return Path(unpacked(name)).suffix.lower() == ".parquet" and not Path(name).is_dir()


def batches(name: str, needed: Sequence[str], only: Sequence[str] | None = None) -> Iterator[Any]:
    """The rows of a Parquet file as Arrow batches.

    Args:
        name: its path.
        needed: columns that must be there.
        only: columns to read, `a.b` for the member `b` of `a`; those that are not there are passed
            over. None: all.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(f"{name}: Parquet needs pyarrow: pip install pyarrow.") from None
    try:
        with pq.ParquetFile(name, buffer_size=1 << 20, pre_buffer=False) as file:
            there = file.schema_arrow.names
            require(name, needed, there)
            columns = None if only is None else _whole(only, there)
            yield from file.iter_batches(ROWS, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"Cannot read {name}: {error}.") from error


def rows_in(name: str) -> int:
    """How many rows the file says that it has.

    Raises:
        DataError: it cannot be read.
    """
    return int(_said(name, "read_metadata").num_rows)


def schema_in(name: str) -> Any:
    """The file's Arrow schema.

    Raises:
        DataError: it cannot be read.
    """
    return _said(name, "read_schema")


def kinds_in(name: str) -> "dict[str, Kind]":
    """What kinds of values its columns have.

    Raises:
        DataError: it cannot be read.
    """
    schema = schema_in(name)
    return {one.name: _kind(one.type) for one in schema}


def dicts(table: Any) -> list[dict[str, Any]]:
    """The rows of an Arrow table or batch."""
    names = table.schema.names
    columns = [listed(column) for column in table.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def listed(column: Any) -> list[Any]:
    """The values of a column as a list, which it may be already."""
    if isinstance(column, list):
        return column
    import pyarrow as pa

    kind = column.type
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if pa.types.is_string(kind) or (plain and not column.null_count):  # three times as fast
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        values: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
    else:
        values = column.to_pylist()
    return values


def _said(name: str, how: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return getattr(pq, how)(name)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"Cannot read {name}: {error}.") from error


def _whole(only: Sequence[str], there: Sequence[str]) -> list[str]:
    """Columns of the file that hold these; whole ones, for a row has no half of a column."""
    found = (one if one in there else one.partition(".")[0] for one in only)
    return [one for one in dict.fromkeys(found) if one in there]


def _kind(kind: Any) -> "Kind":
    import pyarrow as pa

    of = pa.types
    if of.is_dictionary(kind):
        return _kind(kind.value_type)
    if (
        of.is_string(kind)
        or of.is_large_string(kind)
        or of.is_string_view(kind)
        or of.is_null(kind)
    ):
        return "string"
    if of.is_integer(kind):
        return "int"
    if of.is_floating(kind):
        return "float"
    return "bool" if of.is_boolean(kind) else "json"
