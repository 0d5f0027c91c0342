"""Files that commands write: whole or not at all, and never over one that is there.

A file grows under its name and `.part`, and has its own name when it is complete. A full disk, a
directory that may not be written or Ctrl-C leave nothing behind.
"""

import csv
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from schemas.errors import UnavailableError, UsageError

Rows = Sequence[Mapping[str, Any]]
Write = Callable[[Rows], None]
"""Takes some rows, whose keys are the columns."""


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

    def write(rows: Rows) -> None:
        file.write(encoder.encode_lines(rows))

    yield write


@contextmanager
def _csv(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Write]:
    names = [column.name for column in columns]
    text = _Encoding(file)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    yield lambda rows: writer.writerows([[plain(row.get(n)) for n in names] for row in rows])


class _Encoding:
    """The one method that `csv` asks for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "replace"))


@contextmanager
def _parquet(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = _types()
    schema = pa.schema([(column.name, types[column.kind]) for column in columns])

    def write(rows: Rows) -> None:
        arrays = [
            pa.array([_cell(row.get(c.name), c.kind) for row in rows], types[c.kind])
            for c in columns
        ]
        if rows:
            writer.write_batch(pa.record_batch(arrays, schema=schema))

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield write


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


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind in {"string", "json"} and not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return value


def plain(value: Any) -> str:
    """A value in a cell of CSV: nothing for None, JSON for what has parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


WRITERS: Final = {Form.JSONL: _jsonl, Form.CSV: _csv, Form.PARQUET: _parquet}
