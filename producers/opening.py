"""Files as lines of UTF-8, whatever they are packed in: gzip, Zstandard, standard input.

A file in UTF-16 (with its mark) or in GB18030 is converted, and whoever reads it is told so. Which
it is, the first 64 KiB tell: GB18030 only where hardly any line with a letter beyond ASCII is
UTF-8, so that one stray line in another encoding stays what it is, a bad line.
"""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from schemas.errors import DataError

STANDARD_INPUT: Final = "-"
PACKED: Final = (".gz", ".zst")
SAMPLE: Final = 64 * 1024
LONGEST: Final = 16 * 1024 * 1024
"""Bytes of a line that are kept; of a longer one the reader sees one byte more."""
MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

Tell = Callable[[str], None]


def lines(name: str, tell: Tell = lambda text: None) -> Iterator[bytes]:
    """The lines of a file, a byte order mark left out.

    Args:
        name: its path, or `-`.
        tell: told that the file is converted.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    with opened(name) as packed:
        file = io.BufferedReader(cast("Any", packed), SAMPLE)
        sample = file.peek(SAMPLE)[:SAMPLE]
        for mark, encoding in MARKS.items():
            if sample.startswith(mark):
                file.read(len(mark))
                tell(f"{shown(name)} is UTF-16 and is converted to UTF-8.")
                yield from _converted(file, encoding)
                return
        if sample.startswith(codecs.BOM_UTF8):
            file.read(len(codecs.BOM_UTF8))
        if _is_gb18030(sample):
            tell(f"{shown(name)} reads as GB18030 and is converted to UTF-8.")
            yield from _converted(file, "gb18030")
            return
        while line := file.readline(LONGEST + 1):
            yield line
            while len(line) > LONGEST and not line.endswith(b"\n"):  # the rest of one that was cut
                line = file.readline(LONGEST + 1)


def shown(name: str) -> str:
    """The file in words."""
    return "standard input" if name == STANDARD_INPUT else name


def unpacked(name: str) -> str:
    """The file's name without the suffix of its packing."""
    suffix = next((one for one in PACKED if name.endswith(one)), "")
    return name.removesuffix(suffix)


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    try:
        if name == STANDARD_INPUT:
            yield sys.stdin.buffer
        elif name.endswith(".gz"):
            with gzip.open(name) as file:
                yield cast("IO[bytes]", file)
        elif name.endswith(".zst"):
            with Path(name).open("rb") as file:
                yield cast("IO[bytes]", _Zstandard(file))
        else:
            with Path(name).open("rb") as file:
                yield file
    except UnicodeDecodeError as error:
        raise DataError(
            f"Cannot read {shown(name)}: a part of it is no {error.encoding} ({error.reason})."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"Cannot read {shown(name)}: {why}.") from error


class _Zstandard(io.RawIOBase):
    """Frames one after another; unlike the library's reader it knows a file that was cut off."""

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        self._file = file
        self._new: Callable[[], Any] = lambda: zstandard.ZstdDecompressor().decompressobj()
        self._error = zstandard.ZstdError
        self._frame: Any = None
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            unused = self._frame.unused_data if self._frame and self._frame.eof else b""
            packed = unused or self._file.read(SAMPLE)
            if not packed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("the compressed file ended before its end was reached")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new()
            try:
                self._ready = self._frame.decompress(packed)
            except self._error as error:
                raise EOFError(str(error)) from None
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def _converted(file: io.BufferedReader, encoding: str) -> Iterator[bytes]:
    """Bytes that are none of the encoding come through as they are, to spoil their line alone."""
    escape = "surrogateescape"
    with io.TextIOWrapper(file, encoding, errors=escape, newline="\n") as text:
        for line in text:
            yield line.encode("utf-8", escape)


def _is_gb18030(sample: bytes) -> bool:
    foreign = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    others = [line for line in foreign if not _decodes(line, "utf-8")]
    return len(others) > 0.9 * len(foreign) > 0 and all(_decodes(x, "gb18030") for x in others)


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(line, final=False)
    except UnicodeDecodeError:
        return False
    return True
