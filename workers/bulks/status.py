"""How far a bulk job is, in one picture: from the manifest, the ledger and the learnt costs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from producers.bulk.expected import expected_rows
from workers.assembly import Store
from workers.bulks.joining import ERASED
from workers.core.cost import Cost
from workers.core.eta import Piece, going_on, remaining_s, to_come
from workers.sql.bulk_answers import lately
from workers.sql.bulk_progress import Counts, counts, version_of
from workers.sql.bulks import PRIORITIES, FoundBulk, Submitted

RECENT_S: Final = 30.0
"""How far back the speed is taken from."""
_STATES: Final = ("queued", "running", "done", "failed", "cancelled")
_OF_LOG: Final = ("rows", "documents", "reused", "reused_earlier", "bad", "left_out")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk job at one moment. Rows are of the input, documents of the log."""

    name: str
    bulk_id: str
    state: str
    """`submitting`, `running`, `paused`, `cancelled` or `done`."""
    priority: str
    tenant: str
    created_at: datetime
    submitted_at: datetime | None
    """None: not all of it is in the log."""
    rows: int
    """Read so far."""
    documents: int
    """Published so far, for each task."""
    reused: int
    """Rows that have the answer of an earlier one with the same text."""
    reused_earlier: int
    """Rows that were given the answer of an earlier job to the same text; such whose answer was
    erased since count as failed too."""
    bad: int
    left_out: int
    queued: int
    """Documents that wait, over all tasks."""
    running: int
    """Documents in batches at the workers, a second ago."""
    done: int
    failed: int
    cancelled: int
    tasks: dict[str, dict[str, int]]
    """The last five for each task."""
    reasons: dict[str, int]
    """Why documents failed."""
    per_s: float
    """Answers a second, lately."""
    eta_s: float | None
    """Seconds until all is answered, what is not submitted yet too; None while that is unknown."""

    @property
    def outstanding(self) -> int:
        """Answers that are to come, over all tasks."""
        return self.queued + self.running


def status_of(store: Store, found: FoundBulk, workers: int) -> Status:
    """The job as it is now.

    Args:
        store: open.
        found: the job.
        workers: that live at present.
    """
    submitted = store.bulks.submitted(found.bulk_id)
    running = store.flights.running(found.bulk_id)
    ended = counts(store.engine, found.bulk_id)
    by_task = {
        task.value: _of_task(
            ended.get(task.value, Counts()), submitted.documents, running.get(task.value, 0)
        )
        for task in found.request.tasks
    }
    ended_each = min(one["done"] + one["failed"] for one in by_task.values())
    reasons = {why: n for one in ended.values() for why, n in one.reasons.items()}
    if erased := store.texts.count_erased(found.bulk_id) if found.request.across else 0:
        reasons[" ".join(ERASED)] = erased
        for one in by_task.values():
            one["failed"] += erased
    sums = {name: sum(one[name] for one in by_task.values()) for name in _STATES}
    outstanding = sums["queued"] + sums["running"]
    recent, window_s = _lately(store, found)
    eta_s = _eta(store, found, ended_each, recent, window_s, workers, submitted, outstanding)
    of_log = {name: getattr(submitted, name) for name in _OF_LOG}
    return Status(
        name=found.name,
        bulk_id=found.bulk_id,
        state=_state(found, outstanding),
        priority=next(name for name, one in PRIORITIES.items() if one == found.priority),
        tenant=found.request.tenant,
        created_at=found.created_at,
        submitted_at=found.submitted_at,
        tasks=by_task,
        reasons=reasons,
        per_s=round(recent / window_s, 1) if window_s else 0.0,
        eta_s=eta_s,
        **of_log,
        **sums,
    )


def costs_of(store: Store, version_ids: Mapping[str, int | None]) -> list[Cost | None]:
    """What is known of what each task's version costs; the most experienced profile speaks."""
    known: dict[int, Cost] = {}
    for profile in sorted(store.profiles.profiles(), key=lambda one: one.batches):
        known[profile.version_id] = Cost(*profile.prices)
    return [None if one is None else known.get(one) for one in version_ids.values()]


def _of_task(one: Counts, documents: int, running: int) -> dict[str, int]:
    """How many are in each state; an answer may stand before its dispatcher has heard of it."""
    outstanding = max(documents - one.ended, 0)
    running = min(running, outstanding)
    under_way = {"queued": outstanding - running, "running": running}
    return {**under_way, "done": one.done, "failed": one.failed, "cancelled": one.cancelled}


def _state(found: FoundBulk, outstanding: int) -> str:
    if found.state != "active":
        return found.state
    if found.submitted_at is None:
        return "submitting"
    return "running" if outstanding else "done"


def _lately(store: Store, found: FoundBulk) -> tuple[int, float]:
    """Answers of the last while, over all tasks, and how many seconds that is; a while in which
    nothing came, because somebody died, lies before it."""
    now, tasks = datetime.now(UTC), [task.value for task in found.request.tasks]
    since = now - timedelta(seconds=RECENT_S)
    came = lately(store.engine, found.bulk_id, tasks, since)
    return going_on([((now - at).total_seconds(), number) for at, number in came], RECENT_S)


def _eta(
    store: Store,
    found: FoundBulk,
    ended: int,
    recent: int,
    window_s: float,
    workers: int,
    submitted: Submitted,
    left: int,
) -> float | None:
    if found.state != "active":
        return None
    if found.submitted_at is not None and not left:
        return 0.0
    tasks = [task.value for task in found.request.tasks]
    versions = {task: version_of(store.engine, found.bulk_id, task) for task in tasks}
    pieces = _pieces(store, found, submitted)
    if pieces is None:
        return None
    costs = costs_of(store, versions)
    left_s = remaining_s(pieces, ended, recent // len(tasks), window_s, costs, workers)
    return None if left_s is None else round(left_s, 1)


def _pieces(store: Store, found: FoundBulk, submitted: Submitted) -> list[Piece] | None:
    """Those of the manifest, and one of all that is to come; None where its size is not known."""
    pieces = [Piece(*size) for size in store.bulks.sizes(found.bulk_id)]
    if found.submitted_at is not None:
        return pieces
    expected = expected_rows(found.request)
    return None if expected is None else [*pieces, to_come(pieces, submitted.rows, expected)]
