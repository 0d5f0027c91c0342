"""From the bytes of a fetched partition straight to `Record`, where nothing can get stuck.

kafka-python's own iterator gives up a whole batch at the first record that it cannot read, stays on
it for ever, and decodes headers and keys that Textmill never uses. `JobRecords` takes its place
(the fetcher looks the class up on itself). It reads only offset, time and value; what it cannot is
noted in `undecodable` and stepped over: one record where its length is known, else the rest of the
batch. So a damaged record costs neither time nor neighbours, and draining is 2.5 times faster.

A batch that fails its checksum says nothing that can be believed, its own size included. What it
held is given up as far as two fields of it agree, else up to the next batch that is whole, else
one offset; never beyond the log's end. Then reading stops, and the next fetch begins behind it:
what follows in these bytes may be out of step.

The layout of a record is that of Kafka's message format 2: length, attributes, time delta, offset
delta, key, value, headers; each number a zigzag varint.
"""

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from typing import Any, Final

from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record.util import decode_varint
from kafka.structs import TopicPartition

from schemas.record import Partition, Record
from workers.log.unpack import UnreadableError, unpack

FORMAT: Final = 2


def install(
    fetcher: Fetcher,
    partitions: Callable[[TopicPartition], Partition | None],
    undecodable: MutableSequence[tuple[TopicPartition, int]],
    high_watermark: Callable[[TopicPartition], int | None],
) -> None:
    """Let `fetcher` yield `Record`s of the partitions that `partitions` knows.

    Args:
        undecodable: what could not be read is appended.
        high_watermark: where the partition ended at the last fetch; None: not known.
    """

    def make(fetch_offset: int, tp: TopicPartition, data: Any, **options: Any) -> JobRecords:
        made = JobRecords(fetch_offset, tp, _never_empty(data), **options)
        made.partition = partitions(tp)
        made.undecodable = undecodable
        made.high_watermark = high_watermark
        return made

    fetcher.PartitionRecords = make


def unpark(fetcher: Fetcher) -> None:
    """Let partitions that were paused with records in hand go on when they are resumed.

    kafka-python 3.0 takes up what it parked only while no partition is in its hand, and keeps an
    empty one there until the next comes: beside a partition that always brings something, what was
    parked would never be read again.
    """
    if not fetcher._next_partition_records:
        fetcher._next_partition_records = None


def _never_empty(data: Any) -> Any:
    """Brokers send the first batch whole: one that seems longer than the data is damaged, which
    the library would take for a reason to fetch it for ever."""
    if not data.has_next() and data.size_in_bytes() > 0:
        data._next_slice = memoryview(data._buffer)
    return data


class JobRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # the library ships no types
    """One fetched partition, as `Record`s; aborted transactions and markers are left out."""

    partition: Partition | None
    undecodable: MutableSequence[tuple[TopicPartition, int]]
    high_watermark: Callable[[TopicPartition], int | None]
    next_fetch_offset: int

    def _unpack_records(self, tp: TopicPartition, records: Any, *_: object) -> Iterator[Record]:
        try:
            while (batch := records.next_batch()) is not None:
                if not self._whole(batch):
                    self._give_up(self._damage(batch, records))
                    break
                if self._counts(batch):
                    yield from self._records_of(batch)
                self.bytes_read += batch.size_in_bytes
                self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)
        except Exception:  # not even the batch's header makes sense
            self._give_up([self.next_fetch_offset])
        self.drain()

    def _whole(self, batch: Any) -> bool:
        """Whether the batch is what a producer sent, in the place where the broker put it.

        The checksum does not cover the place. A broker takes down the high watermark that it tells
        before it reads, so what came meanwhile lies beyond it, right behind what was read before.
        """
        if batch.magic != FORMAT or not (batch.validate_crc() or not self.check_crcs):
            return False
        end = self.high_watermark(self.topic_partition)
        known = end is None or batch.base_offset < end
        return batch.base_offset >= 0 and (known or batch.base_offset == self.next_fetch_offset)

    def _damage(self, batch: Any, rest: Any) -> range:
        """The offsets to give up for a damaged batch: at least one, none that does not exist."""
        end = self.high_watermark(self.topic_partition)
        first = self.next_fetch_offset
        if batch.magic == FORMAT and first < batch.base_offset < (end or 0):
            first = batch.base_offset
        after = self._next_whole(rest)
        bounds = [end] if end is not None else []
        if after is not None and after.base_offset > first:
            bounds.append(after.base_offset)
        limit = max(min(bounds, default=0), first + 1)
        claimed = _claimed_end(batch)
        if claimed is not None and first < claimed <= limit:
            return range(first, claimed)
        return range(first, limit if after is not None else first + 1)

    def _next_whole(self, records: Any) -> Any:
        """The batch behind, if the bytes there are one; else None."""
        try:
            batch = records.next_batch()
            return batch if batch is not None and self._whole(batch) else None
        except Exception:  # the damaged one's length led into the middle of something
            return None

    def _counts(self, batch: Any) -> bool:
        """Whether the batch holds records for us, not a marker or an aborted transaction."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return False
        return not batch.is_control_batch

    def _records_of(self, batch: Any) -> Iterator[Record]:
        try:
            data = unpack(batch.compression_type, bytes(batch._buffer[batch._pos :]))
        except UnreadableError:
            self._give_up(range(batch.base_offset, batch.next_offset))
            return
        yield from self._records_in(batch, data)

    def _records_in(self, batch: Any, data: bytes) -> Iterator[Record]:
        assert self.partition is not None
        base, time_of, expected, at = batch.base_offset, _clock(batch), batch.base_offset, 0
        for _ in range(batch.records_count):
            start, at = _bounds(data, at)
            if at > len(data):
                self._give_up(range(expected, batch.next_offset))
                return
            try:
                after, delta, value = _fields(data, start, at)
            except (ValueError, IndexError):
                self._give_up([expected])
                expected += 1
                continue
            expected = base + delta + 1
            if expected > self.next_fetch_offset:
                self.next_fetch_offset = expected
                yield Record(self.partition, expected - 1, value, time_of(after))

    def _give_up(self, offsets: Iterable[int]) -> None:
        for offset in offsets:
            if offset >= self.next_fetch_offset:
                self.undecodable.append((self.topic_partition, offset))
                self.next_fetch_offset = offset + 1


def _claimed_end(batch: Any) -> int | None:
    """Where a damaged batch says that it ends, if it says so twice."""
    if batch.magic != FORMAT or batch.last_offset_delta + 1 != batch.records_count:
        return None
    end: int = batch.next_offset
    return end


def _clock(batch: Any) -> Callable[[int], float]:
    """From a record's time delta to seconds since 1970."""
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        appended = batch.max_timestamp / 1000
        return lambda _: appended
    first = batch.first_timestamp
    return lambda after: (first + after) / 1000


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the record at `at` begins behind its length, and where it ends; beyond the data when
    the length makes no sense."""
    try:
        length, start = decode_varint(data, at)
    except (ValueError, IndexError):
        return at, len(data) + 1
    return start, start + length if length > 0 else len(data) + 1


def _fields(data: bytes, start: int, end: int) -> tuple[int, int, bytes | None]:
    """Milliseconds after the batch's first record, offset in the batch, and value."""
    after, at = decode_varint(data, start + 1)
    offset, at = decode_varint(data, at)
    key_length, at = decode_varint(data, at)
    length, at = decode_varint(data, at + max(key_length, 0))
    if at + max(length, 0) > end:
        raise ValueError("a value's length exceeds its record")
    return after, offset, data[at : at + length] if length >= 0 else None
