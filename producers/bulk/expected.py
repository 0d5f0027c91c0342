"""How many rows a bulk job has, before its input is read: for telling when it will be done."""

from pathlib import Path
from typing import Final

from producers.bulk.request import File, Request, check_unchanged
from producers.opening import PACKED
from producers.parquet import is_parquet, rows_in
from schemas.errors import DataError

LOOKS: Final = 16
"""Places of a file of lines that are looked at, evenly apart."""
LOOK: Final = 64 * 1024
"""Bytes at each."""


def expected_rows(request: Request) -> int | None:
    """Of Parquet and of directories what is there; of lines about as many as the places that are
    looked at have for their bytes. None where a file is packed, gone, changed, or there is none.
    """
    try:
        each = [_rows(file) for file in request.files]
    except (OSError, DataError):
        return None
    known = [rows for rows in each if rows is not None]
    return sum(known) if known and len(known) == len(each) else None


def _rows(file: File) -> int | None:
    check_unchanged(file)
    path = Path(file.path)
    if path.is_dir():
        return len(list(path.glob("*.txt")))
    if is_parquet(file.path):
        return rows_in(file.path)
    return None if file.path.endswith(tuple(PACKED)) else _lines(path, file.size)


def _lines(path: Path, size: int) -> int:
    step = max(size // LOOKS, LOOK)
    ends = read = 0
    with path.open("rb") as file:
        for place in range(0, size, step):
            file.seek(place)
            block = file.read(LOOK)
            ends, read = ends + block.count(b"\n"), read + len(block)
    return round(ends * size / read) if read else 0
