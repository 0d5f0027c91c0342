"""The rows of a bulk job's files, in pieces: the same each time they are read."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from producers.bulk.request import Request, check_unchanged
from producers.opening import Tell
from producers.rows import Row, rows, value_at
from schemas.errors import InvalidJobError

CHUNK: Final = 5000
"""Rows of a piece: what is published together, and what a crash may cost again."""
CHARACTERS: Final = 16 * 1024 * 1024
"""Of the strings in a piece: one of long texts ends sooner, for a piece is held in memory."""


class Found(NamedTuple):
    """A row of the input and its number in the whole job."""

    row: int
    """From 1, over all files."""
    file: str
    line: int
    values: dict[str, Any]
    problem: InvalidJobError | None


def found(
    request: Request, tell: Tell = lambda text: None, only: Sequence[str] | None = None
) -> Iterator[Found]:
    """Every row of every file; of Parquet these columns `only`, where they are named.

    Raises:
        DataError: a file cannot be read, lacks a column, or changed meanwhile.
    """
    numbers = itertools.count(1)
    for file in request.files:
        check_unchanged(file)
        for row in rows(file.path, request.needed, tell, only):
            yield _found(next(numbers), file.path, row)
        check_unchanged(file)


def pieces(
    request: Request, tell: Tell = lambda text: None, size: int = CHUNK
) -> Iterator[list[Found]]:
    """The rows in pieces of `size`, the last one shorter; or that hold `CHARACTERS` before.

    Columns that no document is made of are left out where that is quicker.
    """
    piece: list[Found] = []
    held = 0
    for one in found(request, tell, request.asked):
        piece.append(one)
        held += _characters(request, one)
        if len(piece) == size or held >= CHARACTERS:
            yield piece
            piece, held = [], 0
    if piece:
        yield piece


def text_of(request: Request, one: Found) -> str:
    """The text of a row.

    Raises:
        InvalidJobError: it has none, or something else there.
    """
    if one.problem is not None:
        raise one.problem
    text = value_at(one.values, request.text_column)
    if text is None:
        raise InvalidJobError("missing_field", f"`{request.text_column}` is missing")
    if not isinstance(text, str):
        kind = "parts: name a member of it, as in COLUMN.MEMBER" if _has_parts(text) else "no text"
        raise InvalidJobError("invalid_field", f"`{request.text_column}` holds {kind}")
    return text


def _characters(request: Request, one: Found) -> int:
    """Of its columns, and of its text where that is a member of one."""
    values = one.values
    strings = [each for each in values.values() if isinstance(each, str)]
    if request.text_column not in values:
        member = value_at(values, request.text_column)
        strings += [member] if isinstance(member, str) else []
    return sum(map(len, strings))


def _has_parts(value: object) -> bool:
    return isinstance(value, dict | list)


def _found(number: int, file: str, row: Row) -> Found:
    return Found(number, file, row.number, row.values, row.problem)
