"""What dispatcher and worker say to each other: batches one way, completions the other.

Both are MessagePack. Every item carries its own coordinates; nothing relies on the place in a list.
"""

from typing import Literal

import msgspec

from schemas.groups import EVERYTHING, Share
from schemas.job import Job
from schemas.record import Partition
from schemas.task import Task

Arm = Literal["live", "canary", "named"]
"""Why a job is answered by its version: by the route, by the route's canary, or as it asked."""


class BatchItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One job of a batch and the record it came from."""

    partition: Partition
    offset: int
    epoch: int
    """The dispatcher's claim on the partition; the store refuses the result of an older one."""
    job: Job
    lang: Literal["zh", "en"]
    """The job's language, or the one that was detected."""
    task: Task
    """What is asked; a version may answer several tasks, so the items of a batch may differ."""
    run: int
    """0, or the number of a wanted re-run."""
    published_at: float
    """Seconds since 1970, UTC: when the log took the record."""
    arm: Arm = "live"


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One try to answer some jobs by one model version."""

    batch_id: str
    attempt: int
    """1 for the first try of these jobs together."""
    reply_to: str
    """The dispatcher that waits for the completion."""
    version_id: int
    """Primary key of the model version, pinned at dispatch."""
    digest: str
    """Digest that version must have where it is loaded."""
    items: tuple[BatchItem, ...]
    worker_id: str = ""
    """Whom it is sent to; empty where nobody said."""
    formed_at: float = 0.0
    """Seconds since 1970, UTC: when it was formed; 0 where nobody said."""
    shadow: bool = False
    """Whether its answers are only for comparison: they settle nothing and nobody waits."""
    passes: bool = False
    """Whether it passes the batches ahead of it, which hold bulk work: somebody waits for it."""


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """An item that could not be settled now and must be tried again."""

    partition: Partition
    offset: int
    reason: str


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch. Items in none of the lists are tried again."""

    batch_id: str
    worker_id: str
    settled: tuple[tuple[Partition, int], ...] = ()
    """Records with a terminal state in SQL, whatever it is."""
    fenced: tuple[tuple[Partition, int], ...] = ()
    """Records of a partition that another dispatcher has claimed since."""
    failed: tuple[Failure, ...] = ()
    error: str | None = None
    """Why the batch as a whole failed, for people; None when it did not."""
    compute_s: float = 0.0
    """Seconds in the three inference stages."""
    persist_s: float = 0.0
    """Seconds in the SQL transaction."""
    exhausted: bool = False
    """Whether an array did not fit into the device's memory and had to be halved."""


Costs = tuple[tuple[int, tuple[float, float, float]], ...]
"""`(version, (seconds of a call, of a token, of a pair of tokens))`, once a version."""


class WorkerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker announces of itself with each heartbeat."""

    worker_id: str
    queue: str
    """Celery queue of this worker alone."""
    device: str
    """`cpu`, `cpu:0-3` or `gpu:0`."""
    pid: int
    running: str | None = None
    """The batch that is computed now; None when none is."""
    following: str | None = None
    """The batch behind it, which is parsed meanwhile; None when there is none."""
    passing: tuple[str, ...] = ()
    """Batches in hand that pass those two."""
    writing: tuple[str, ...] = ()
    """Batches that are computed and not yet reported."""
    versions: tuple[int, ...] = ()
    """Model versions that are loaded and warm."""
    costs: Costs = ()
    """What their warm-up took."""
    serves: Share = EVERYTHING
    """Which models it may be sent work for."""
    group: str = ""
    """The model group that it is of; empty: of none."""
    loading: tuple[str, ...] = ()
    """Names of models among them whose live version it still loads: work for those is for others,
    or waits."""


_batch_decoder = msgspec.msgpack.Decoder(Batch)
_completion_decoder = msgspec.msgpack.Decoder(Completion)
_state_decoder = msgspec.msgpack.Decoder(WorkerState)
encode = msgspec.msgpack.Encoder().encode


def decode_batch(message: bytes) -> Batch:
    """The batch in a message of `encode`."""
    return _batch_decoder.decode(message)


def decode_completion(message: bytes) -> Completion:
    """The completion in a message of `encode`."""
    return _completion_decoder.decode(message)


def decode_state(message: bytes) -> WorkerState:
    """The worker state in a message of `encode`."""
    return _state_decoder.decode(message)
