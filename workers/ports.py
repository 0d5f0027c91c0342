"""What the dispatcher and the worker need from the world, in their own words.

Each port has two adapters and one contract suite in `tests/contracts`:

    JobLog      Kafka                  SQLite file
    HandOver    Celery over Redis      Celery in memory, in this process
    Ledger, Results, Registry,         PostgreSQL and SQLite, through SQLAlchemy
    Profiles, ResultOutbox, Progress

All but `HandOver` and `Bus` are called from threads and may block; `HandOver` is
awaited from the dispatcher's loop. All raise `UnavailableError` when a service does not answer.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec

from schemas.batch import Batch, BatchItem, Completion, WorkerState
from schemas.model_version import Language, Manifest
from schemas.prediction import Prediction
from schemas.record import Ending, Partition, Record, Terminal
from schemas.result import Result
from schemas.task import Task


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll brought."""

    records: Sequence[Record] = ()
    gained: frozenset[Partition] = frozenset()
    """Newly assigned: paused until the claim has said where to begin (`seek`, then `resume`)."""
    lost: frozenset[Partition] = frozenset()
    """No longer ours: whatever is in flight for them is another dispatcher's now."""
    undecodable: Sequence[tuple[Partition, int]] = ()
    """Offsets that the log itself could not deliver and that were stepped over."""
    positions: Mapping[Partition, int] = {}
    """Where reading goes on, for partitions that are not paused and where the last record does not
    say so: the offsets before hold nothing to deliver, as a transaction's marker does."""
    behind: int | None = None
    """Records that are written and not read yet; None where the log does not know."""


class JobLog(Protocol):
    """A partitioned log of job records, read by one member of a group. One thread calls it."""

    def poll(self, timeout_s: float) -> Polled:
        """Records in order of offset in each partition; returns early when there are some."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this partition from `offset` on."""

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until resumed; the membership is kept alive by polling."""

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""

    def extent(self, partition: Partition) -> tuple[int, int]:
        """First offset still kept and the offset after the last one written."""

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the log how far each partition is done, for lag displays; failures are harmless."""

    def close(self) -> None:
        """Leave the group."""


class Claim(msgspec.Struct, frozen=True):
    """The right to settle records of a partition, until a later epoch exists."""

    partition: Partition
    epoch: int
    next_offset: int | None
    """First offset not known to be settled; None when the partition was never claimed before."""
    settled: frozenset[int]
    """Offsets beyond `next_offset` that have a terminal state already."""


class Ledger(Protocol):
    """The dispatcher's side of the store: claims, watermarks and exceptions."""

    def claim(self, partition: Partition, owner: str) -> Claim:
        """Raise the partition's epoch and say where to go on; earlier owners are fenced."""

    def advance(self, marks: Mapping[Partition, tuple[int, int]]) -> frozenset[Partition]:
        """Write `{partition: (epoch, next_offset)}`, never backwards; returns the fenced ones."""

    def end(self, endings: Sequence[Ending]) -> frozenset[Partition]:
        """Write records that end without a result, idempotently; returns fenced partitions."""

    def dead_letters_to_publish(self, limit: int) -> Sequence[tuple[int, bytes]]:
        """Dead letters not yet on their topic: `(id, JSON)`, oldest first."""

    def mark_published(self, ids: Sequence[int]) -> None:
        """Note that these are on their topic."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One item of a batch with its prediction, ready to be kept."""

    item: BatchItem
    prediction: Prediction
    build: str | None = None
    """Form of the version's network that gave it, or which of its networks; None: not known."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the records of one transaction."""

    settled: tuple[tuple[Partition, int], ...]
    fenced: tuple[tuple[Partition, int], ...]
    ended: tuple[Terminal, ...] = ()
    """States of the settled records that have no answer of this batch."""


class Results(Protocol):
    """The worker's side of the store."""

    def record(
        self,
        batch: Batch,
        answers: Sequence[Answer],
        endings: Sequence[Ending],
        compute_s: float,
    ) -> Recorded:
        """Keep answers and endings in one transaction, fenced by epoch, the first answer of a job
        standing; safe to repeat.

        A job that has its answer from another record ends as DUPLICATE, or as CONFLICT when its
        payload differs. A row that the database refuses for its data ends as QUARANTINED without
        harming its neighbours.

        Raises:
            UnavailableError: the database does not answer, or asks to try again.
        """

    def compare(self, batch: Batch, answers: Sequence[Answer], compute_s: float, why: str) -> None:
        """Keep what a shadow answered beside the results, settling nothing; safe to repeat.

        Args:
            batch: what the shadow was asked.
            answers: those that it gave; for the other items of the batch an error is noted.
            compute_s: for all of them.
            why: the error, for people, without any text of a job.

        Raises:
            UnavailableError: the database does not answer.
        """


class ResultOutbox(Protocol):
    """Results that are not on their topic yet."""

    def taken(self, limit: int) -> AbstractContextManager[Sequence[Result]]:
        """The results that wait longest, for as long as the block lasts: nobody else is to get
        them. They are gone when it ends well, and wait again when it raises.

        Raises:
            UnavailableError: the database does not answer, at the beginning or at the end.
        """


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A registered version."""

    version_id: int
    name: str
    version: int
    task: Task
    """The task it answers, the first of them in a joint version."""
    languages: tuple[Language, ...]
    digest: str
    path: Path
    """Directory of its files."""
    state: Literal["registered", "live", "retired"]
    further: tuple[Task, ...] = ()
    """What else a joint version answers."""
    parent_id: int | None = None
    """The registered version that it was derived from; None: that is not known."""

    def __str__(self) -> str:
        """`NAME@N`, as jobs and commands say it."""
        return f"{self.name}@{self.version}"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Every task it answers."""
        return self.task, *self.further


class Registry(Protocol):
    """Which model versions exist, and which answer what."""

    def register(self, manifest: Manifest, digest: str, path: Path) -> ModelVersion:
        """Enter a version; the same digest again returns the one that exists, at its new path."""

    def route(self, task: Task, language: Language, version: ModelVersion) -> None:
        """Let `version` answer jobs of this task and language that name no model."""

    def versions(self) -> Sequence[ModelVersion]:
        """All versions, by name and number."""

    def manifest(self, version: ModelVersion) -> Manifest:
        """What the version said of itself when it was registered."""

    def routes(self) -> Mapping[tuple[Task, Language], ModelVersion]:
        """The version that answers by default."""


class Profile(msgspec.Struct, frozen=True):
    """What batches of a version cost on a kind of device: `workers.core.cost`."""

    version_id: int
    kind: str
    """`cpu`, `cpu/4` or `gpu`."""
    prices: tuple[float, float, float]
    """Seconds of a call, of a padded token, of a pair of tokens."""
    batches: int
    """Batches that it was learnt from; 0 when it is the warm-up's."""
    memory_bytes: int | None = None
    """What one copy of the version takes, as its registration measured it; None: unknown, and in
    `keep` what is known stays."""


class Profiles(Protocol):
    """What is known of costs, beyond the life of a process."""

    def profiles(self) -> Sequence[Profile]:
        """All profiles, by version and kind."""

    def keep(self, profiles: Sequence[Profile]) -> None:
        """Write these over what is known; those of a version that is not registered are left
        out."""


class Order(NamedTuple):
    """What somebody wants of a bulk job."""

    state: str = "active"
    """`active`, `paused` or `cancelled`."""
    priority: int = 0
    """Higher goes first within a tenant."""


class Orders(Protocol):
    """What is wanted of bulk jobs."""

    def orders(self) -> Mapping[str, Order]:
        """By id of the job, those of which not simply all is wanted in turn."""


class Progress(Protocol):
    """What of bulk jobs is under way, for those who watch them."""

    def tell(self, dispatcher_id: str, running: Mapping[tuple[str, str], int]) -> None:
        """Say how many documents this dispatcher has in batches at workers, by job and task; what
        it said before is void, and this is too in a few seconds."""


class Drift(NamedTuple):
    """How far a version's newest answers are from its first."""

    model: str
    version: int
    task: str
    feature: str
    """`length`, `lang`, `label` or `score`."""
    psi: float
    """Population stability index; 0: not at all."""


class HandOver(Protocol):
    """The dispatcher's way to the workers: fast, and allowed to lose what it carries."""

    dispatcher_id: str
    """Whom completions are addressed to."""

    async def workers(self) -> Sequence[WorkerState]:
        """Workers whose heartbeat is fresh."""

    async def submit(self, worker: WorkerState, batch: Batch) -> None:
        """Send the batch to this worker's queue."""

    async def completions(self, timeout_s: float) -> Sequence[Completion]:
        """Wait for completions addressed to this dispatcher; empty after `timeout_s`."""

    async def want(self, models: Collection[str]) -> None:
        """Let workers that still load know for which models jobs wait now; holds for seconds."""

    async def close(self) -> None:
        """Give back connections."""


class Bus(Protocol):
    """The worker's way back to the dispatchers."""

    def announce(self, state: WorkerState) -> None:
        """Heartbeat: valid for five intervals."""

    def withdraw(self, worker_id: str) -> None:
        """Leave at once, so that nothing more is sent."""

    def complete(self, reply_to: str, completion: Completion) -> None:
        """Report a batch to the dispatcher that sent it."""

    def wanted(self, models: Sequence[str]) -> Collection[str]:
        """Those of these models for which jobs wait, and no worker serves them yet."""


class LogWriter(Protocol):
    """A producer's way into the log."""

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write `(key, value)` records durably; returns when the log has them all."""

    def close(self) -> None:
        """Give back connections."""
