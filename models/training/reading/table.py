"""Comma- or tab-separated values (RFC 4180): a header, then a row a text, in UTF-8.

A quoted value may hold line breaks; the number of a row is that of its first line. Where a text has
several of something (turns before it, summaries), the value is a JSON list of strings.
"""

import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from models.training.reading import columns as of_rows
from models.training.reading.columns import Columns
from models.training.reading.lines import LONGEST, BadLineError, lines

_LONGEST = LONGEST // 4  # characters of a value: a line that was cut has one that is longer
_ESCAPES = "surrogateescape"  # bytes that are no UTF-8 spoil their row alone


def rows(path: Path, columns: Columns, delimiter: str) -> Iterator[tuple[int, Any]]:
    """Yield each row as a mapping of columns to values, or as the error that it is.

    Raises DataError where the header lacks one of `columns`.
    """
    csv.field_size_limit(_LONGEST)
    decoded = (line.decode("utf-8", _ESCAPES) for line in lines(path))
    numbered = _numbered(csv.reader(decoded, delimiter=delimiter))
    for _, header in numbered:
        columns.found(path, [] if isinstance(header, Exception) else header)
        for number, values in numbered:
            yield number, _row(header, values)


def decoder(kind: type[Any]) -> Callable[[Any], Any]:
    """Return what turns a row into a `kind`, whose tuples lie in their columns as JSON."""
    fields = msgspec.structs.fields(kind)
    lists = {one.encode_name for one in fields if one.type == tuple[str, ...]}
    convert = of_rows.decoder(kind)

    def decode(row: Any) -> Any:
        if isinstance(row, Exception):
            raise row
        return convert({key: _list(key, one) if key in lists else one for key, one in row.items()})

    return decode


def _list(name: str, value: str) -> tuple[str, ...] | None:
    try:
        return msgspec.json.decode(value, type=tuple[str, ...]) if value.strip() else None
    except msgspec.MsgspecError as error:
        raise BadLineError(
            f'the column {name} holds no JSON list of strings, ["…", "…"]'
        ) from error


def _numbered(reader: Any) -> Iterator[tuple[int, Any]]:
    """Yield the rows that are not empty, or their errors, with the numbers of their first lines."""
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            values = BadLineError(str(error))
        if values:
            yield number, values


def _row(header: list[str], values: Any) -> Any:
    if isinstance(values, Exception):
        return values
    if len(values) != len(header):
        return BadLineError(f"{len(values)} values, but the header has {len(header)}")
    if not all(map(_is_utf8, values)):
        return BadLineError("not UTF-8")
    return dict(zip(header, values, strict=True))


def _is_utf8(value: str) -> bool:
    return value.isascii() or not any("\udc80" <= one <= "\udcff" for one in value)


commas = partial(rows, delimiter=",")
tabs = partial(rows, delimiter="\t")
