"""Which format a file has, told by its name, and what reads it.

    .jsonl .ndjson .json   one JSON object a line           texts and sentences
    .csv .tsv              a header, then a text a row      texts
    .parquet               columns of strings or lists      texts and sentences
    .conll .tsv            token TAB tag, a blank line      sentences
                           after each sentence

Each but Parquet, which compresses by itself, may end in `.gz` as well. A format has two halves: it
cuts a file into rows, and it decodes a row. So a bad row costs that row alone.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from models.training.reading import conll, json_lines, parquet, table
from models.training.reading.columns import Columns
from schemas.errors import DataError


class Rows(Protocol):
    """Cuts a file into rows that are not decoded yet."""

    def __call__(self, path: Path, columns: Columns) -> Iterator[tuple[int, Any]]:
        """Yield each row with its number from 1; DataError where a needed column is missing."""


class Format(NamedTuple):
    """How files of one kind are read."""

    rows: Rows
    decoder: Callable[[type[Any]], Callable[[Any], Any]]
    """Gives for a struct what turns a row into one; that raises `ValueError` or
    `msgspec.MsgspecError` for a bad row."""
    unit: str
    """What the numbers of rows count."""


_JSON = Format(json_lines.rows, json_lines.decoder, "line")
_PARQUET = Format(parquet.rows, parquet.decoder, "row")
_CONLL = Format(conll.rows, conll.decoder, "line")
OF_TEXTS: Mapping[str, Format] = {
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".json": _JSON,
    ".csv": Format(table.commas, table.decoder, "line"),
    ".tsv": Format(table.tabs, table.decoder, "line"),
    ".parquet": _PARQUET,
}
OF_SENTENCES: Mapping[str, Format] = {
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".json": _JSON,
    ".conll": _CONLL,
    ".tsv": _CONLL,
    ".parquet": _PARQUET,
}


def format_of(path: Path, formats: Mapping[str, Format]) -> Format:
    """Return the format of a file; DataError names those that there are."""
    suffixes = path.suffixes
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    suffix = suffixes[-1].lower() if suffixes else ""
    if suffix == ".parquet" and path.suffix == ".gz":
        raise DataError(f"{path}: Parquet compresses by itself; unpack the file with gunzip")
    if suffix not in formats:
        raise DataError(f"{path}: the name does not tell the format: use {', '.join(formats)}")
    return formats[suffix]
