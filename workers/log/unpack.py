"""Decompression with a limit: kafka-python unpacks a batch whatever it grows to.

A few kilobytes can unpack to gigabytes. An honest producer's batch is some 100 KiB to a few MiB, or
one record; beyond `MAX_BATCH_BYTES` a batch counts as unreadable, like one of an unknown codec.
"""

import gzip
import io
from collections.abc import Callable, Mapping
from typing import Final

import lz4.frame
import zstandard

MAX_BATCH_BYTES: Final = 64 * 1024 * 1024


class UnreadableError(ValueError):
    """What is compressed cannot be unpacked, or must not be."""


def unpack(codec: int, data: bytes) -> bytes:
    """The records of a batch, by the codec's number in Kafka's message format.

    Raises:
        UnreadableError: an unknown codec, damaged data, or more than the limit.
    """
    if codec not in _READERS:
        raise UnreadableError(f"codec {codec} is not known")
    try:
        unpacked = _READERS[codec](data)
    except (OSError, EOFError, RuntimeError, ValueError, zstandard.ZstdError) as error:
        raise UnreadableError("the compressed data is damaged") from error
    if len(unpacked) > MAX_BATCH_BYTES:
        raise UnreadableError("the batch is too large")
    return unpacked


def _gzip(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return file.read(MAX_BATCH_BYTES + 1)


def _lz4(data: bytes) -> bytes:
    unpacked: bytes = lz4.frame.LZ4FrameDecompressor().decompress(data, MAX_BATCH_BYTES + 1)
    return unpacked


def _zstd(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        return reader.read(MAX_BATCH_BYTES + 1)


_READERS: Final[Mapping[int, Callable[[bytes], bytes]]] = {0: bytes, 1: _gzip, 3: _lz4, 4: _zstd}
"""Snappy, 2, needs a library that is not among the dependencies."""
