"""The ends without a result that the dispatcher and the worker give to jobs."""

import msgspec

from schemas import wire
from schemas.batch import BatchItem
from schemas.record import Ending, Record, Terminal


def invalid(record: Record, epoch: int, reason: str, detail: str) -> Ending:
    """The end of a record that is no job."""
    return Ending(
        partition=record.partition,
        offset=record.offset,
        epoch=epoch,
        state=Terminal.INVALID,
        reason=reason,
        detail=detail,
        raw=record.value or b"",
    )


def unanswerable(item: BatchItem, raw: bytes, reason: str, detail: str) -> Ending:
    """The end of a job that asks for what there is not; it becomes a dead letter."""
    return _ending(item, Terminal.INVALID, reason, detail, raw)


def expired(item: BatchItem) -> Ending:
    """The end of a job whose deadline passed before it was answered."""
    return _ending(item, Terminal.EXPIRED, "deadline", "the deadline passed before the answer")


def cancelled(item: BatchItem) -> Ending:
    """The end of a job whose bulk job was cancelled before it was in a batch."""
    return _ending(item, Terminal.CANCELLED, "cancelled", "its bulk job was cancelled")


def quarantined(item: BatchItem, version_id: int, reason: str, detail: str) -> Ending:
    """The end of a job that no worker can answer with this version; it becomes a dead letter."""
    ending = _ending(item, Terminal.QUARANTINED, reason, detail, _raw(item))
    return msgspec.structs.replace(ending, version_id=version_id, arm=item.arm)


def duplicate(item: BatchItem) -> Ending:
    """The end of a record of a job that is answered already."""
    return _ending(item, Terminal.DUPLICATE, "duplicate", "the job has its answer already")


def conflict(item: BatchItem) -> Ending:
    """The end of a record whose job was answered for another payload; a dead letter."""
    detail = "the job was answered for another payload"
    return _ending(item, Terminal.CONFLICT, "conflict", detail, _raw(item))


def _ending(
    item: BatchItem, state: Terminal, reason: str, detail: str, raw: bytes | None = None
) -> Ending:
    return Ending(
        partition=item.partition,
        offset=item.offset,
        epoch=item.epoch,
        state=state,
        reason=reason,
        detail=detail,
        raw=raw,
        tenant=item.job.tenant,
        job_id=item.job.job_id,
        bulk_id=item.job.bulk_id,
        lang=item.lang,
    )


def _raw(item: BatchItem) -> bytes:
    try:
        return wire.encode(item.job)
    except (UnicodeError, OverflowError, TypeError):  # the reason for its end, perhaps
        return b""
