"""Files of many kinds as rows: what each column holds, one row after another.

    .jsonl .ndjson .json   an object a line
    .csv .tsv              a header, then a row; a quoted value may hold line breaks
    .parquet               its columns
    a directory            its .txt files by name, one row each: `file` and `text`
    anything else          a text a line, in the column `text`; objects if the first line is one

All but Parquet and directories may be packed (`producers.opening`). A row that is none comes as the
error that it is; its neighbours are not harmed.
"""

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from producers.header import require
from producers.opening import LONGEST, lines, shown, unpacked
from producers.parquet import batches, dicts, is_parquet
from schemas import wire
from schemas.errors import DataError, InvalidJobError

JSON_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json"})
PLAIN_SUFFIXES: Final = frozenset({".txt", ".text"})
TEXT: Final = "text"
_ESCAPES: Final = "surrogateescape"


class Row(NamedTuple):
    """One row of a file."""

    number: int
    """Of its line, or of the row in Parquet, or of the file in a directory; from 1."""
    values: dict[str, Any]
    problem: InvalidJobError | None = None
    """Why it is no row; then it has no values."""


Rows = Iterator[Row]


def rows(
    name: str,
    needed: Sequence[str],
    tell: Callable[[str], None],
    only: Sequence[str] | None = None,
) -> Rows:
    """The rows of a file; blank lines are passed over.

    Args:
        name: path of a file or directory, or `-`.
        needed: columns that must be there, where the file says once which it has.
        tell: told what a person should know of the file.
        only: columns that are enough, where it is quicker to leave others out; None: all.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    if Path(name).is_dir():
        return _directory(Path(name))
    suffix = Path(unpacked(name)).suffix.lower()
    if is_parquet(name):
        return _parquet(name, needed, only)
    if suffix in {".csv", ".tsv"}:
        return _table(name, needed, "," if suffix == ".csv" else "\t", tell)
    is_json = True if suffix in JSON_SUFFIXES else False if suffix in PLAIN_SUFFIXES else None
    return _lines(name, is_json, tell)


def good_rows(name: str, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a file that is known to have no bad ones: what `rows` gives, at half the price.

    Raises:
        DataError: the file cannot be read, lacks a column, or has a bad row after all.
    """
    suffix = Path(unpacked(name)).suffix.lower()
    if Path(name).is_dir() or is_parquet(name) or suffix in {".csv", ".tsv"}:
        return (_good(name, row) for row in rows(name, needed, lambda text: None))
    written = itertools.filterfalse(bytes.isspace, lines(name))
    first = next(written, b"")
    is_json = suffix not in PLAIN_SUFFIXES and (
        suffix in JSON_SUFFIXES or first.lstrip().startswith(b"{")
    )
    every = itertools.chain([first] if first else [], written)
    return map(_object_of(name) if is_json else lambda line: {TEXT: text_in(line)}, every)


def value_at(values: dict[str, Any], column: str) -> Any:
    """The value of a column; `a.b` is the member `b` of the column `a` where no column is named so.

    None where there is none.
    """
    if column in values or "." not in column:
        return values.get(column)
    found: Any = values
    for part in column.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def numbered(read: Iterable[bytes], is_json: bool | None) -> Iterator[tuple[int, bytes, bool]]:
    """Number and content of each line that is not blank, and whether it is JSON.

    Args:
        read: lines.
        is_json: None: the first line tells.
    """
    for number, line in enumerate(read, 1):
        if not line.isspace():
            is_json = line.lstrip().startswith(b"{") if is_json is None else is_json
            yield number, line, is_json


def object_in(line: bytes) -> dict[str, Any]:
    """The object that a line of JSON is.

    Raises:
        InvalidJobError: it is none.
    """
    if len(line) > LONGEST:
        text_in(line)
    try:
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text_in(line)
        said = None
    if not isinstance(said, dict):
        raise InvalidJobError("not_json", "the line is not one JSON object")
    return said


def text_in(line: bytes) -> str:
    """The line as text, without its end.

    Raises:
        InvalidJobError: it is no UTF-8, or too long.
    """
    if len(line) > LONGEST:
        raise InvalidJobError("record_too_large", f"the line is longer than {LONGEST >> 20} MiB")
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidJobError("not_utf8", wire.REASONS["not_utf8"]) from None


def _object_of(name: str) -> Callable[[bytes], dict[str, Any]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode

    def read(line: bytes) -> dict[str, Any]:
        try:
            return decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise DataError(f"{shown(name)} has a line that is not one JSON object.") from None

    return read


def _good(name: str, row: Row) -> dict[str, Any]:
    if row.problem is not None:
        raise DataError(f"{shown(name)}, line {row.number}: {row.problem}.")
    return row.values


def _lines(name: str, is_json: bool | None, tell: Callable[[str], None]) -> Rows:
    for number, line, as_json in numbered(lines(name, tell), is_json):
        try:
            yield Row(number, object_in(line) if as_json else {TEXT: text_in(line)})
        except InvalidJobError as error:
            yield Row(number, {}, error)


def _directory(path: Path) -> Rows:
    for number, file in enumerate(sorted(path.glob("*.txt")), 1):
        try:
            yield Row(number, {"file": file.name, TEXT: text_in(b"".join(lines(str(file))))})
        except InvalidJobError as error:
            yield Row(number, {}, error)


def _table(name: str, needed: Sequence[str], delimiter: str, tell: Callable[[str], None]) -> Rows:
    csv.field_size_limit(LONGEST)
    decoded = (line.decode("utf-8", _ESCAPES) for line in lines(name, tell))
    reader = csv.reader(decoded, delimiter=delimiter)
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, InvalidJobError("invalid_field", str(error)))
            continue
        if header is None:
            header = values
            if any(map(_is_spoilt, header)):
                raise DataError(f"{shown(name)}: its first line, the header, is not UTF-8.")
            require(name, needed, header)
        elif values:
            yield _row_of(number, header, values)


def _row_of(number: int, header: list[str], values: list[str]) -> Row:
    if len(values) != len(header):
        said = f"{len(values)} values, but the header has {len(header)}"
        return Row(number, {}, InvalidJobError("invalid_field", said))
    if any(map(_is_spoilt, values)):
        return Row(number, {}, InvalidJobError("not_utf8", wire.REASONS["not_utf8"]))
    return Row(number, dict(zip(header, values, strict=True)))


def _is_spoilt(value: str) -> bool:
    """Whether some of its bytes were no UTF-8."""
    return not value.isascii() and any("\udc80" <= sign <= "\udcff" for sign in value)


def _parquet(name: str, needed: Sequence[str], only: Sequence[str] | None) -> Rows:
    every = (values for batch in batches(name, needed, only) for values in dicts(batch))
    return (Row(number, values) for number, values in enumerate(every, 1))
