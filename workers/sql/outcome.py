"""What became of rows that were offered to `result`, when not all of them were taken.

A record whose coordinates stand in `result` or `ending` is settled, whoever settled it. Otherwise
its job was answered from another record: it ends as DUPLICATE, or as CONFLICT when its payload
differs, and the first answer stands. A record with neither (somebody erased the row meanwhile) is
left out, so that it is tried again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select

from schemas import wire
from schemas.batch import BatchItem
from schemas.record import Ending, Partition
from schemas.tables import ending, result
from schemas.task import Task
from workers.core.endings import conflict, duplicate, quarantined
from workers.ports import Answer
from workers.sql.fence import key

Record = tuple[Partition, int]
Job = tuple[str, Task, str, int]


def record_of(item: BatchItem) -> Record:
    """The coordinates of an item."""
    return item.partition, item.offset


def job_of(item: BatchItem) -> Job:
    """What names an item's job."""
    return item.job.tenant, item.task, item.job.job_id, item.run


def explain(connection: Connection, answers: Sequence[Answer]) -> tuple[set[Record], list[Ending]]:
    """The settled records among `answers`, and endings for those whose job has another's answer."""
    items = [answer.item for answer in answers]
    settled = settled_records(connection, [record_of(item) for item in items])
    open_items = [item for item in items if record_of(item) not in settled]
    digests = _digests(connection, open_items)
    endings = [
        _repetition(item, digests[job_of(item)]) for item in open_items if job_of(item) in digests
    ]
    return settled, endings


def settled_records(connection: Connection, records: Iterable[Record]) -> set[Record]:
    """Those of `records` that have a terminal state."""
    offsets: dict[Partition, list[int]] = defaultdict(list)
    for partition, offset in records:
        offsets[partition].append(offset)
    return {
        (partition, offset)
        for partition, wanted in offsets.items()
        for table in (result, ending)
        for offset in _present(connection, table, partition, wanted)
    }


def unstorable(item: BatchItem, version_id: int) -> Ending:
    """The ending of a record whose answer no database takes."""
    detail = "its row holds a value that cannot be stored"
    return quarantined(item, version_id, "unstorable", detail)


def _present(
    connection: Connection, table: Table, partition: Partition, offsets: Sequence[int]
) -> Sequence[int]:
    topic_id, number = key(partition)
    statement = select(table.c.record_offset).where(
        table.c.topic_id == topic_id,
        table.c.partition == number,
        table.c.record_offset.between(min(offsets), max(offsets)),  # else a planner without
        table.c.record_offset.in_(offsets),  # statistics reads the whole partition
    )
    return connection.execute(statement).scalars().all()


def _digests(connection: Connection, items: Sequence[BatchItem]) -> Mapping[Job, bytes]:
    """Payload digests of the answers that stand for the jobs of `items`."""
    wanted: dict[tuple[str, Task, int], list[str]] = defaultdict(list)
    for item in items:
        wanted[item.job.tenant, item.task, item.run].append(item.job.job_id)
    found: dict[Job, Any] = {}
    for (tenant, task, run), job_ids in wanted.items():
        statement = select(result.c.job_id, result.c.payload_digest).where(
            result.c.tenant == tenant,
            result.c.task == task.value,
            result.c.run == run,
            result.c.job_id.in_(job_ids),
        )
        for job_id, digest in connection.execute(statement):
            found[tenant, task, job_id, run] = digest
    return found


def _repetition(item: BatchItem, digest: bytes) -> Ending:
    same = wire.payload_digest(item.job) == digest
    return duplicate(item) if same else conflict(item)
