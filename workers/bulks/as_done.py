"""The joined rows in the order in which they were done; those without an answer come last.

    rows in the input's order ─► a line each in a file without a name ─► read by their moments

So memory holds a moment and a place for each row, and never the rows.
"""

import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from workers.block import Block, Listed

AT_ONCE: Final = 5000


def as_done(dated: Iterable[tuple[Block, list[Any]]]) -> Iterator[Block]:
    """The rows of these blocks, the first done first.

    Args:
        dated: blocks, and for each of their rows the moment of its last answer; None: it lacks one.
            Rows of one moment, and those that lack an answer, keep their order.
    """
    encode = msgspec.json.Encoder().encode
    places, moments = array("Q", [0]), []
    with tempfile.TemporaryFile() as lines:
        for block, when in dated:
            moments += when
            for row in block.rows():
                places.append(places[-1] + lines.write(encode(row)))
        if not moments:
            return
        lines.flush()
        done = [row for row, moment in enumerate(moments) if moment is not None]
        done.sort(key=moments.__getitem__)
        order = done + [row for row, moment in enumerate(moments) if moment is None]
        with mmap.mmap(lines.fileno(), 0, access=mmap.ACCESS_READ) as written:
            for first in range(0, len(order), AT_ONCE):
                part = order[first : first + AT_ONCE]
                rows = [written[places[row] : places[row + 1]] for row in part]
                yield Listed([msgspec.json.decode(row) for row in rows])
