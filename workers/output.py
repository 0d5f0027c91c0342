"""Files that commands write: whole or not at all, and never over one that is there.

A file grows under its name and `.part`, and has its own name when it is complete. A full disk, a
directory that may not be written or Ctrl-C leave nothing behind.
"""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from producers.parquet import listed
from schemas.errors import UnavailableError, UsageError
from workers.block import Block

Write = Callable[[Block], None]
"""Takes some rows."""


class Form(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Column(msgspec.Struct, frozen=True):
    """A column of the output."""

    name: str
    kind: str = "string"
    """`string`, `int`, `float`, `bool`, `json` or `spans`; what is neither a number nor a string is
    written as JSON, but in JSONL."""
    arrow: Any = None
    """The type that the column had in a file of Parquet, and has again in one; None: by `kind`."""


def form_of(path: Path, named: str | None) -> Form:
    """The form that was named, or that the file's name tells.

    Raises:
        UsageError: neither.
    """
    word = named or path.suffix.removeprefix(".").lower()
    word = {"ndjson": "jsonl", "json": "jsonl"}.get(word, word)
    if word not in set(Form):
        raise UsageError(
            f"How shall {path} be written? Let its name end in .jsonl, .csv or .parquet, or give "
            "--format."
        )
    return Form(word)


@contextmanager
def written(path: Path, form: Form, columns: Sequence[Column], *, over: bool) -> Iterator[Write]:
    """What takes the rows of a new file, which is there when the block ends well.

    Raises:
        UsageError: the file exists and `over` is not set, or cannot be made.
        UnavailableError: the disk is full.
    """
    if path.exists() and not over:
        raise UsageError(f"{path} exists: give another name, or --overwrite to replace it.")
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            with WRITERS[form](file, columns) as write:
                yield write
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _failed(path, error) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def printed(form: Form, columns: Sequence[Column]) -> Iterator[Write]:
    """What takes rows for standard output."""
    with WRITERS[form](sys.stdout.buffer, columns) as write:
        yield write
    sys.stdout.buffer.flush()


def _failed(path: Path, error: OSError) -> Exception:
    why = error.strerror or str(error)
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return UsageError(f"{path} cannot be written: {why}.")
    return UnavailableError(
        f"{path} could not be written: {why}. Nothing was kept; make room and run this again."
    )


@contextmanager
def _jsonl(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Write]:
    encoder = msgspec.json.Encoder()
    yield lambda block: _ignored(file.write(encoder.encode_lines(block.rows())))


@contextmanager
def _csv(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Write]:
    text = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in columns)

    def write(block: Block) -> None:
        cells = [_cells(listed(block.column(one.name)), one.kind) for one in columns]
        writer.writerows(zip(*cells, strict=True))

    try:
        yield write
        text.flush()
    finally:
        with suppress(OSError):  # a full disk has said so at the first flush
            text.detach()


@contextmanager
def _parquet(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = _types()
    schema = pa.schema([(one.name, one.arrow or types[one.kind]) for one in columns])

    def write(block: Block) -> None:
        arrays = [
            _array(block.column(one.name), one, schema.field(one.name).type) for one in columns
        ]
        if len(block):
            writer.write_table(pa.table(arrays, schema=schema))

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield write


def _ignored(_: object) -> None:
    return None


def _cells(values: list[Any], kind: str) -> list[Any]:
    """A column as the CSV writer takes it: it leaves None out and writes numbers itself."""
    if kind in {"string", "int", "float"}:
        return values
    return [plain(value) for value in values]


def _array(column: Any, one: Column, wanted: Any) -> Any:
    """A column as an Arrow array of its type."""
    import pyarrow as pa

    if not isinstance(column, list):
        if one.arrow is not None or column.type == wanted or one.kind in {"int", "float"}:
            return column.cast(wanted)
        column = listed(column)
    if one.arrow is None and one.kind == "json":
        column = [None if value is None else plain(value) for value in column]
    return pa.array(column, wanted)


def _types() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "json": pa.string(),
        "spans": pa.list_(
            pa.struct(
                [
                    ("start", pa.int32()),
                    ("end", pa.int32()),
                    ("label", pa.string()),
                    ("text", pa.string()),
                    ("score", pa.float64()),
                ]
            )
        ),
    }


def plain(value: Any) -> str:
    """A value in a cell of CSV: nothing for None, a date as it is, JSON for what has parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    said = msgspec.json.encode(value)
    return msgspec.json.decode(said, type=str) if said.startswith(b'"') else said.decode()


WRITERS: Final = {Form.JSONL: _jsonl, Form.CSV: _csv, Form.PARQUET: _parquet}
