"""The lines of a file, plain or gzip'd, one at a time and none longer than memory can bear."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from schemas.errors import DataError

LONGEST = 1 << 24
"""Bytes of a line that are kept, 16 MiB; of a longer one the reader sees one byte more."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadLineError(ValueError):
    """A line that is no example; the text says why, without the words of the line."""


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a plain or gzip'd file; DataError where it cannot be read.

    A line of more than `LONGEST` bytes is cut to `LONGEST + 1`; a byte order mark is left out.
    """
    try:
        with _opened(path) as file:
            first = file.readline(LONGEST + 1)
            yield from _whole(first.removeprefix(_BYTE_ORDER_MARK), file)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {why}") from error


def check_length(line: bytes) -> bytes:
    """Return the line; BadLineError where it was cut."""
    if len(line) > LONGEST:
        raise BadLineError(f"the line is longer than {LONGEST >> 20} MiB")
    return line


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _whole(line: bytes, file: IO[bytes]) -> Iterator[bytes]:
    while line:
        yield line
        while len(line) > LONGEST and not line.endswith(b"\n"):  # the rest of a line that was cut
            line = file.readline(LONGEST + 1)
        line = file.readline(LONGEST + 1)
