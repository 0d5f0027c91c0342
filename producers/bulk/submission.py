"""A bulk job's way into the log: read a piece, publish it, note it, and the next.

    read ─► bad rows, rows left out, repeated texts, known texts, documents ─► log ─► manifest

A piece counts once the manifest has it, and it is noted only when the log has all of its jobs. So a
submitter may die anywhere and be started again: it reads past what is noted and goes on. The piece
that was under way is published again; its jobs have the same ids, and the second of each ends as
DUPLICATE. A piece is held in memory, `CHUNK` rows or `CHARACTERS`, whatever the size of the input,
and the next one, which is read while log and manifest are waited for. With `--reuse all` it is not:
what is known of its texts is asked once the piece before is noted.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

import msgspec

from producers.ahead import ahead
from producers.bulk.chunk import BadRow, Chunk, Kind, Known, joined, read
from producers.bulk.request import Request
from producers.opening import Tell
from producers.publisher import Publisher
from schemas.errors import DataError

PAUSED_S: Final = 0.5
"""How often a submitter that was paused looks whether it may go on."""

State = Literal["active", "paused", "cancelled"]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A job in the manifest."""

    bulk_id: str
    name: str
    chunks: int
    """Pieces that are noted."""
    rows: int
    """Rows of them."""
    finished: bool


class Manifest(Protocol):
    """Where it is noted how far a job is submitted."""

    def begin(self, name: str, request: Request) -> Begun:
        """Enter a job, or find the one of this name; UsageError where that asks something else."""

    def keep(self, bulk_id: str, chunk: Chunk, columns: Mapping[str, Kind]) -> State:
        """Note a piece whose jobs the log has; the job's state."""

    def finish(self, bulk_id: str) -> None:
        """Note that all pieces are there."""

    def state(self, bulk_id: str) -> State:
        """What somebody wants of the job by now."""


class Progress(msgspec.Struct, kw_only=True):
    """How far a submission is."""

    rows: int = 0
    documents: int = 0
    bad: int = 0
    reused: int = 0
    reused_earlier: int = 0
    left_out: int = 0
    tokens: int = 0
    first_bad: BadRow | None = None

    def add(self, chunk: Chunk) -> None:
        """Count a piece."""
        self.rows += chunk.rows
        self.documents += chunk.documents
        self.bad += len(chunk.bad)
        self.reused += len(chunk.reused)
        self.reused_earlier += chunk.reused_earlier
        self.left_out += chunk.left_out
        self.tokens += chunk.tokens
        self.first_bad = self.first_bad or next(iter(chunk.bad), None)


Watch = Callable[[Progress], None]


def check(request: Request) -> None:
    """Refuse what cannot be submitted, by its first piece: before a job has its name for ever.

    Raises:
        DataError: see `read`; or there is no row at all.
    """
    for _ in read(request, "0"):
        return
    raise DataError(f"There is no row in {', '.join(file.path for file in request.files)}.")


def submit(
    begun: Begun,
    request: Request,
    manifest: Manifest,
    publisher: Publisher,
    wait: Callable[[float], object],
    watch: Watch = lambda progress: None,
    tell: Tell = lambda text: None,
    known: Known | None = None,
) -> Progress:
    """Publish what is not yet noted, to the end or until somebody cancels the job.

    Args:
        begun: how far it is.
        request: what is asked.
        manifest: where it is noted.
        publisher: of the jobs.
        wait: sleeps so many seconds, while the job is paused.
        watch: told after each piece.
        tell: told what a person should know.
        known: see `read`.

    Raises:
        DataError: see `read`.
        UnavailableError: log or database do not answer; the same call goes on.
    """
    columns: dict[str, Kind] = {}
    progress, state = Progress(), manifest.state(begun.bulk_id)
    pieces = read(request, begun.bulk_id, tell, known)
    for chunk, records, kinds in pieces if known else ahead(pieces):
        columns = joined(columns, kinds)
        if chunk.number >= begun.chunks:
            while state == "paused":
                wait(PAUSED_S)
                state = manifest.state(begun.bulk_id)
            if state == "cancelled":
                return progress
            for task in request.tasks:
                publisher.publish_records(records, task, bulk=True)
            state = manifest.keep(begun.bulk_id, chunk, columns)
        progress.add(chunk)
        watch(progress)
    manifest.finish(begun.bulk_id)
    return progress
