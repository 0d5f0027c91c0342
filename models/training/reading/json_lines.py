"""JSON lines: an object a line, blank lines passed over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from models.training.reading.columns import Columns
from models.training.reading.lines import check_length, lines


def rows(path: Path, columns: Columns) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank; what keys they have is each line's own matter."""
    for number, line in enumerate(lines(path), start=1):
        if not line.isspace():
            yield number, line


def decoder(kind: type[Any]) -> Callable[[bytes], Any]:
    """Return what decodes a line; other keys than those of `kind` are passed over."""
    decode = msgspec.json.Decoder(kind).decode
    return lambda line: decode(check_length(line))
