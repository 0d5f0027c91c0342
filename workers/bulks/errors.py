"""What of a bulk job has no answer: rows that are no documents, and documents that failed.

Neither has a row that had an earlier job's answer which was erased since. To retry it makes it a
document of the job's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from producers.bulk.chunk import Asked, job_id_of, read, row_of, tokens_of
from producers.bulk.source import found
from producers.publisher import Publisher
from schemas.errors import DataError
from schemas.task import Task
from workers.assembly import Store
from workers.bulks.joining import ERASED
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
    failed = [*failures(store.engine, job.bulk_id), *_erased(store, job)]
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
    """Publish the failed documents once more under their ids, and rows whose earlier answer was
    erased; how many.

    Raises:
        DataError: the input is not there any more, or has changed.
    """
    wanted: dict[str, set[str]] = {}
    for one in failures(store.engine, job.bulk_id):
        if one.state != "CANCELLED" and one.task is not None:
            wanted.setdefault(one.task, set()).add(one.job_id)
    number = _publish_erased(store, job, publisher)
    if not wanted:
        return number
    for _, records, _ in read(job.request, job.bulk_id):
        for task, ids in wanted.items():
            again = [record for record in records if record[0] in ids]
            publisher.publish_records(again, Task(task), bulk=True)
            number += len(again)
    return number


def _erased(store: Store, job: FoundBulk) -> list[Failure]:
    """What an earlier job answered and nobody has any more."""
    if not job.request.across:
        return []
    state, reason = ERASED
    return [
        Failure(
            job_id=job_id_of(job.bulk_id, row),
            task=task.value,
            state=state,
            reason=reason,
            detail="an earlier job's answer, erased since: `textmill bulk retry` asks anew",
        )
        for row in store.texts.erased(job.bulk_id)
        for task in job.request.tasks
    ]


def _publish_erased(store: Store, job: FoundBulk, publisher: Publisher) -> int:
    """Such rows become documents once the log has them; a repetition is a DUPLICATE."""
    rows = set(store.texts.erased(job.bulk_id)) if _may_retry(job) else set()
    if not rows:
        return 0
    asked: list[Asked] = []

    def note(number: int, piece: Sequence[Asked]) -> Mapping[int, str]:
        asked[:] = (one for one in piece if one.row in rows)
        return {}

    number = 0
    for chunk, records, _ in read(job.request, job.bulk_id, known=note):
        again = [record for record in records if row_of(record[0]) in rows]
        if again:
            for task in job.request.tasks:
                publisher.publish_records(again, task, bulk=True)
                number += len(again)
            tokens = sum(tokens_of(one.job.text) for one in asked)
            digests = {one.row: one.digest for one in asked}
            store.texts.ask(job.bulk_id, chunk.number, digests, tokens)
    return number


def _may_retry(job: FoundBulk) -> bool:
    """Of a cancelled job nothing more is to be answered."""
    return job.request.across and job.state != "cancelled"


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
