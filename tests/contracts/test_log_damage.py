"""Damaged, foreign and hostile batches as they come from a broker: what is readable is read."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.record import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from schemas.record import Partition, Record
from workers.log import fetched, unpack

TP = TopicPartition("textmill.jobs.sentiment", 0)
PARTITION = Partition("ab" * 16, 0, TP.topic)
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


def batch(values: list[bytes | None], first: int = 0, codec: int = 0) -> bytearray:
    builder = MemoryRecordsBuilder(2, codec, 1 << 30)
    for number, value in enumerate(values):
        builder.append(timestamp=1000 + number, key=b"key", value=value, headers=[("h", b"x")])
    builder.close()
    data = bytearray(builder.buffer())
    data[:8] = first.to_bytes(8, "big")  # as the broker does
    return data


def read(data: bytearray, begin: int = 0, end: int = 1000) -> tuple[list[Record], list[int], int]:
    """Records, offsets that were given up, and where the next fetch would begin.

    Args:
        begin: offset that was fetched.
        end: the partition's high watermark.
    """
    fetcher, undecodable = SimpleNamespace(), list[tuple[TopicPartition, int]]()
    fetched.install(fetcher, lambda tp: PARTITION, undecodable, lambda tp: end)
    data_read = MemoryRecords(bytes(data))
    records: Any = fetcher.PartitionRecords(begin, TP, data_read)
    assert data_read.has_next() or not data, "the library fails where there seems to be nothing"
    found = records.take()
    assert not records, "drained"
    assert {tp for tp, _ in undecodable} <= {TP}
    return found, [offset for _, offset in undecodable], records.next_fetch_offset


def read_all(*batches: tuple[int, bytearray]) -> tuple[list[Record], list[int], int]:
    """The same of as many fetches as it takes to read batches that end before these offsets."""
    records, given_up, at, end = list[Record](), list[int](), 0, batches[-1][0]
    while at < end:
        rest = bytearray().join(data for after, data in batches if after > at)
        found, lost, following = read(rest, at, end)
        assert at < following <= end
        at, records, given_up = following, records + found, given_up + lost
    return records, given_up, at


def resealed(data: bytearray) -> bytearray:
    """The batch with the checksum of what it now holds."""
    data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4, "big")
    return data


@pytest.mark.parametrize("codec", [0, GZIP, LZ4, ZSTD])
def test_records_of_every_codec_are_read(codec: int) -> None:
    values = [b"a" * 100, None, b"", "你好".encode() * 50]
    found, given_up, following = read(batch(values, 7, codec) + batch([b"z"], 11))
    assert found == [
        Record(PARTITION, 7 + number, value, 1 + number / 1000)
        for number, value in enumerate(values)
    ] + [Record(PARTITION, 11, b"z", 1)]
    assert (given_up, following) == ([], 12)


def test_a_fetch_may_begin_inside_a_batch() -> None:
    found, given_up, following = read(batch([b"a", b"b", b"c"], 5), begin=6)
    assert [record.offset for record in found] == [6, 7]
    assert (given_up, following) == ([], 8)


def test_what_came_after_the_broker_took_down_the_end_is_read() -> None:
    fetch = batch([b"a", b"b"], 5) + batch([b"c"], 7) + batch([b"d"], 8)
    for end in (5, 6, 7, 8):
        found, given_up, following = read(fetch, begin=5, end=end)
        assert [record.offset for record in found] == [5, 6, 7, 8]
        assert (given_up, following) == ([], 9)


def test_a_batch_that_fails_its_checksum_is_given_up_and_its_neighbours_are_not() -> None:
    damaged = batch([b"b", b"c", b"d"], 1)
    damaged[-1] ^= 1
    found, given_up, following = read_all((1, batch([b"a"])), (4, damaged), (5, batch([b"e"], 4)))
    assert [record.value for record in found] == [b"a", b"e"]
    assert (given_up, following) == ([1, 2, 3], 5)


@pytest.mark.parametrize("at", range(8, 61))
@pytest.mark.parametrize("values", [[b"b", b"c", b"d"], [b"b"]])
def test_a_flipped_bit_of_a_header_costs_its_batch_at_most(at: int, values: list[bytes]) -> None:
    last = 1 + len(values)
    for bit, follower in itertools.product(range(8), ([], [(last + 1, batch([b"e"], last))])):
        damaged = batch(values, 1)
        damaged[at] ^= 1 << bit
        found, given_up, _ = read_all((1, batch([b"a"])), (last, damaged), *follower)
        offsets = [record.offset for record in found]
        assert sorted(offsets + given_up) == list(range(last + len(follower))), (at, bit)
        assert set(given_up) <= set(range(1, last))
        assert {0, *(end - 1 for end, _ in follower)} <= set(offsets)


def test_two_damaged_batches_in_a_row_cost_only_themselves() -> None:
    first, second = batch([b"b", b"c"], 1), batch([b"d", b"e"], 3)
    first[26] ^= 64  # the offset of its last record
    second[-1] ^= 1
    found, given_up, _ = read_all(
        (1, batch([b"a"])), (3, first), (5, second), (6, batch([b"f"], 5))
    )
    assert [record.value for record in found] == [b"a", b"f"]
    assert given_up == [1, 2, 3, 4]


@pytest.mark.parametrize("bit", [1 << 3, 1 << 62, 1 << 63])
def test_a_batch_in_the_wrong_place_is_never_delivered_beyond_the_end_or_twice(bit: int) -> None:
    damaged = batch([b"b", b"c"], 1)
    damaged[:8] = ((1 ^ bit) % 2**64).to_bytes(8, "big")
    found, given_up, _ = read_all((1, batch([b"a"])), (3, damaged), (4, batch([b"d"], 3)))
    assert [(record.offset, record.value) for record in found] == [(0, b"a"), (3, b"d")]
    assert given_up == [1, 2]


def test_a_damaged_marker_of_an_aborted_transaction_hides_no_later_record() -> None:
    """The next fetch is told afresh which transactions were aborted."""
    damaged = batch([b"b"], 1)
    damaged[-1] ^= 1
    assert read(damaged + batch([b"c"], 2), begin=1) == ([], [1], 2)


def test_only_what_was_not_read_before_is_given_up() -> None:
    damaged = batch([b"a", b"b", b"c"])
    damaged[-1] ^= 1
    assert read(damaged, begin=2) == ([], [2], 3)


def test_a_record_with_impossible_lengths_costs_only_itself() -> None:
    data = batch([b"a", b"POISON", b"c"])
    at = data.index(b"POISON") - 1
    data[at] = 0x7E  # says that the value has 63 bytes
    found, given_up, following = read(resealed(data))
    assert [(record.offset, record.value) for record in found] == [(0, b"a"), (2, b"c")]
    assert (given_up, following) == ([1], 3)


def test_a_record_longer_than_its_batch_ends_the_batch() -> None:
    data = batch([b"a", b"b"])
    data[61] = 0x7E  # the first record's length: 63 bytes
    data = resealed(data[:-3])
    data[8:12] = (len(data) - 12).to_bytes(4, "big")
    found, given_up, following = read(resealed(data) + batch([b"c"], 2))
    assert [record.value for record in found] == [b"c"]
    assert (given_up, following) == ([0, 1], 3)


def test_headers_are_never_looked_at() -> None:
    data = batch([b"a", b"b"])
    data[data.index(b"h")] = 0xFF
    found, given_up, _ = read(resealed(data))
    assert [record.value for record in found] == [b"a", b"b"]
    assert not given_up


@pytest.mark.parametrize("codec", [SNAPPY, 5])
def test_an_unknown_codec_is_given_up(codec: int) -> None:
    data = batch([b"a", b"b"])
    data[22] = codec
    assert read(resealed(data)) == ([], [0, 1], 2)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_damaged_compression_is_given_up(codec: int) -> None:
    data = batch([b"a" * 1000, b"b" * 1000], codec=codec)
    data[61:] = b"\x00" * (len(data) - 61)
    assert read(resealed(data)) == ([], [0, 1], 2)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_unpacks_beyond_the_limit_is_given_up(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = batch([b"a" * 1_000_000], codec=codec)
    assert len(data) < 10_000
    assert len(read(data)[0]) == 1
    monkeypatch.setattr(unpack, "MAX_BATCH_BYTES", 500_000)
    assert read(data) == ([], [0], 1)


def test_garbage_instead_of_a_batch_moves_on() -> None:
    data = batch([b"a"])
    data[16] = 9  # a format of the future
    found, given_up, following = read(data)
    assert (found, given_up, following) == ([], [0], 1)
