"""The report of a re-run: how far it is, and what the new version answers otherwise."""

from typing import Any

import msgspec

from schemas.errors import UsageError
from schemas.prediction import Prediction, Span
from workers.assembly import Store
from workers.bulks.status import status_of
from workers.core.changes import Changes, Tally
from workers.core.likeness import Pair
from workers.sql.bulks import FoundBulk

_spans = msgspec.json.Decoder(tuple[Span, ...] | None).decode


class Report(msgspec.Struct, frozen=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """A re-run at one moment."""

    name: str
    bulk_id: str
    run: int
    """Under which `result` has the new answers until they stand, and then the old ones."""
    task: str
    old: str
    new: str
    state: str
    """`submitting`, `running`, `paused`, `cancelled` or `done`."""
    rows: int
    """Answers of the old version that were looked at."""
    left_out: int
    """By `--where`, or in a language that the new version does not read."""
    gone: int
    """Whose text is nowhere any more, so that they cannot be answered again."""
    documents: int
    """Asked again."""
    done: int
    failed: int
    cancelled: int
    queued: int
    running: int
    applied: int
    """New answers that stand."""
    changes: Changes


def report_of(store: Store, found: FoundBulk, workers: int, examples: int) -> Report:
    """The re-run as it is now; reads every pair of answers.

    Args:
        store: open.
        found: the re-run.
        workers: that live at present.
        examples: how many at most.

    Raises:
        UsageError: the bulk job is no re-run.
    """
    rerun, now = store.reruns.find(found.bulk_id), status_of(store, found, workers)
    tally, applied = Tally(examples), 0
    for row in store.reruns.changes(found.bulk_id):
        tally.add(row.tenant, row.job_id, Pair(row.lang, _said(row, ""), _said(row, "new_")))
        applied += row.applied
    counts = ("rows", "left_out", "documents", "done", "failed", "cancelled", "queued", "running")
    return Report(
        name=found.name,
        bulk_id=found.bulk_id,
        run=rerun.run,
        task=found.request.tasks[0].value,
        old=str(found.request.again),
        new=str(found.request.model),
        state=now.state,
        gone=now.bad,
        applied=applied,
        changes=tally.changes(),
        **{name: getattr(now, name) for name in counts},
    )


def apply(store: Store, found: FoundBulk) -> int:
    """Let the new answers of a re-run stand; how many began to. Safe to repeat.

    Raises:
        UsageError: the bulk job is no re-run, is cancelled, or is not done.
    """
    rerun, now = store.reruns.find(found.bulk_id), status_of(store, found, 0)
    if now.state == "cancelled":
        raise UsageError(f"{found.name} was cancelled; nothing of it is applied.")
    if now.state != "done":
        raise UsageError(
            f"{found.name} is not done, {now.outstanding} answers are outstanding: "
            f"textmill bulk watch {found.name}"
        )
    return store.reruns.apply(rerun, found.request.tasks[0], found.created_at)


def _said(row: Any, prefix: str) -> Prediction:
    spans = getattr(row, f"{prefix}spans")
    return Prediction(
        tokens=0,
        label=getattr(row, f"{prefix}label"),
        score=getattr(row, f"{prefix}score"),
        summary=getattr(row, f"{prefix}summary"),
        spans=None if spans is None else _spans(spans),
    )
