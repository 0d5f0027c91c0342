"""What of a bulk job has no answer: rows that are no documents, and documents that failed."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from producers.bulk.chunk import read, row_of
from producers.bulk.source import found
from producers.publisher import Publisher
from schemas.errors import DataError
from schemas.task import Task
from workers.assembly import Store
from workers.output import Column
from workers.sql.bulk_progress import Failure, failures
from workers.sql.bulks import FoundBulk

COLUMNS: Final = [
    Column("row", "int"),
    Column("file"),
    Column("line", "int"),
    Column("task"),
    Column("state"),
    Column("reason"),
    Column("detail"),
]


def errors_of(store: Store, job: FoundBulk) -> list[dict[str, Any]]:
    """Each with its place in the input, in the order of the input; never with its text."""
    rows = [
        {**one._mapping, "task": None, "state": "BAD_ROW"}
        for one in store.bulks.bad_rows(job.bulk_id)
    ]
    failed = failures(store.engine, job.bulk_id)
    if job.request.again:
        return [_in_order(one) for one in rows] + [_of_rerun(one) for one in failed]
    places = dict(_places(job, {row_of(one.job_id) for one in failed}))
    for one in failed:
        row = row_of(one.job_id)
        file, line = places.get(row, (None, None))
        what = {"task": one.task, "state": one.state, "reason": one.reason, "detail": one.detail}
        rows.append({"row": row, "file": file, "line": line, **what})
    rows.sort(key=lambda one: one["row"])
    return [_in_order(one) for one in rows]


def _in_order(one: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: one[column.name] for column in COLUMNS}


def _of_rerun(one: Failure) -> dict[str, Any]:
    """One that has no place in any file; its job says which it is."""
    detail = f"{one.job_id}: {one.detail}" if one.detail else one.job_id
    what = {"task": one.task, "state": one.state, "reason": one.reason, "detail": detail}
    return {"row": None, "file": None, "line": None, **what}


def publish_failed(store: Store, job: FoundBulk, publisher: Publisher) -> int:
    """Publish the failed documents once more under their ids; how many.

    Raises:
        DataError: the input is not there any more, or has changed.
    """
    wanted: dict[str, set[str]] = {}
    for one in failures(store.engine, job.bulk_id):
        if one.state != "CANCELLED" and one.task is not None:
            wanted.setdefault(one.task, set()).add(one.job_id)
    if not wanted:
        return 0
    number = 0
    for _, records, _ in read(job.request, job.bulk_id):
        for task, ids in wanted.items():
            again = [record for record in records if record[0] in ids]
            publisher.publish_records(again, Task(task), bulk=True)
            number += len(again)
    return number


def _places(job: FoundBulk, rows: set[int]) -> Iterator[tuple[int, tuple[str, int]]]:
    """File and line of these rows; nothing where the input is gone or has changed."""
    if not rows:
        return
    last = max(rows)
    with suppress(DataError):
        for one in found(job.request):
            if one.row in rows:
                yield one.row, (one.file, one.line)
            if one.row >= last:
                return
