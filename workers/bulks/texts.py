"""Where the text of an answered job still is. Results keep no texts.

It is asked for in the log, by the record's coordinates, as long as the topic keeps it; else, where
the job was a row of a bulk job's file, in that file, as long as it is what it was. What is in
neither is gone, and cannot be answered again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from producers.bulk.chunk import read, row_of
from producers.publisher import Encoded
from schemas import wire
from schemas.errors import DataError, InvalidJobError, UsageError
from schemas.job import Job
from schemas.record import Partition
from workers.assembly import Store

Key = tuple[str, int, int]
"""A record's coordinates."""


class Past(Protocol):
    """Records that were read before."""

    def values(self, partition: Partition, offsets: Sequence[int]) -> Mapping[int, bytes]:
        """What is left of these records of a partition; UnavailableError: the log is away."""

    def close(self) -> None:
        """Give back connections."""


class Texts:
    """The jobs behind rows of `result`."""

    def __init__(self, store: Store, past: Past) -> None:
        self._past = past
        self._inputs = Inputs(store)

    def jobs(self, rows: Sequence[Any]) -> Mapping[Key, Job]:
        """The job of each row, as it was published, by the row's coordinates; those that are gone
        are left out.

        Args:
            rows: of `result`, in the order of their coordinates.

        Raises:
            UnavailableError: the log does not answer.
        """
        found: dict[Key, Job] = {}
        values = self._logged(rows)
        for row in rows:
            key = key_of(row)
            value = values.get(key) or self._inputs.value(row.bulk_id, row.job_id)
            job = None if value is None else _job(value)
            if job is not None and (job.job_id, job.tenant) == (row.job_id, row.tenant):
                found[key] = job
        return found

    def _logged(self, rows: Iterable[Any]) -> dict[Key, bytes]:
        by_partition: dict[Partition, list[int]] = {}
        for row in rows:
            partition = Partition(row.topic_id, row.partition, row.topic)
            by_partition.setdefault(partition, []).append(row.record_offset)
        return {
            (partition.topic_id, partition.number, offset): value
            for partition, offsets in by_partition.items()
            for offset, value in self._past.values(partition, offsets).items()
        }


class Inputs:
    """Files of bulk jobs, each read along while its rows are asked for in their order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, tuple[int, Iterator[tuple[str, bytes]]]] = {}

    def value(self, bulk_id: str | None, job_id: str) -> bytes | None:
        """The record that a row of a file became; None: there is no such file any more."""
        if bulk_id is None or not job_id.startswith(f"{bulk_id}-"):
            return None
        try:
            wanted = row_of(job_id)
            at, records = self._open.get(bulk_id, (0, None))
            if records is None or at >= wanted:
                records = self._records(bulk_id)
            for found, value in records:
                if row_of(found) >= wanted:
                    self._open[bulk_id] = wanted, records
                    return value if found == job_id else None
        except (DataError, UsageError, ValueError):
            self._open[bulk_id] = 0, iter(())
        return None

    def _records(self, bulk_id: str) -> Iterator[tuple[str, bytes]]:
        request = self._store.bulks.find(bulk_id).request
        pieces: Iterator[Encoded] = (records for _, records, _ in read(request, bulk_id))
        return (record for records in pieces for record in records)


def key_of(row: Any) -> Key:
    """The coordinates of a row."""
    return row.topic_id, row.partition, row.record_offset


def _job(value: bytes) -> Job | None:
    try:
        return wire.decode(value)
    except InvalidJobError:  # the row's producer said nothing that is a job any more
        return None
