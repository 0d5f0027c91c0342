"""Tagged sentences in two columns: token TAB tag, and a blank line after each sentence."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from models.training.reading.columns import Columns, decoder
from models.training.reading.lines import BadLineError, check_length, lines

__all__ = ["decoder", "rows"]


def rows(path: Path, columns: Columns) -> Iterator[tuple[int, Any]]:
    """Yield each sentence with the number of its first line, or the error of one of its lines."""
    tokens, tags = columns.needed
    pairs: list[tuple[str, str]] = []
    error: tuple[int, ValueError] | None = None
    start = 1
    for number, line in enumerate(chain(lines(path), [b"\n"]), start=1):
        if line.isspace():
            if error is not None:
                yield error
            elif pairs:
                yield start, {tokens: [one for one, _ in pairs], tags: [tag for _, tag in pairs]}
            pairs, error, start = [], None, number + 1
            continue
        try:
            pairs.append(_pair(line))
        except ValueError as found:
            error = error or (number, found)


def _pair(line: bytes) -> tuple[str, str]:
    token, tab, tag = check_length(line).decode("utf-8").rstrip("\r\n").partition("\t")
    if not tab or not token or not tag or "\t" in tag:
        raise BadLineError("not a token, a TAB and a tag")
    return token, tag
