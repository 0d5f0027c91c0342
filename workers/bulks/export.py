"""The rows of a bulk job's input with their answers, in the order of the input.

    manifest's pieces ─► the same rows read again ─┐
    result, by job id, a piece at a time ──────────┴─► joined columns

A row whose text came before has the answer of that row, or of an earlier job. Rows that are no
documents are left to `bulk errors`.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from producers.ahead import ahead
from producers.bulk.again import Again, schema_of
from producers.bulk.chunk import job_id_of
from producers.bulk.request import check_unchanged
from schemas.errors import DataError
from schemas.task import Task
from workers.assembly import Store
from workers.block import Beside, Block
from workers.bulks.as_done import as_done
from workers.bulks.joining import (
    ERASED,
    QUEUED,
    Missing,
    asked_of,
    columns_of,
    names_beside,
    nested,
    parts_of,
    placed,
    states,
)
from workers.output import Column
from workers.sql.bulk_answers import Stretch, answers, answers_to
from workers.sql.bulk_progress import failures
from workers.sql.bulks import FoundBulk

Answers = dict[Task, list[Sequence[Any]]]
"""By task: job ids, when they were answered, then the columns that `asked_of` names."""


class _Piece(NamedTuple):
    """Rows of the input that follow one another, and their answers."""

    first: int
    rows: int
    reused: dict[int, int]
    earlier: dict[int, str]
    """Rows with an earlier job's answer, and that job's id, empty where it was erased since; also
    rows before the piece that are repeated in it."""
    answers: Answers


class Export:
    """One job, read once."""

    def __init__(self, store: Store, job: FoundBulk, *, flat: bool) -> None:
        """
        Args:
            store: open.
            job: which.
            flat: columns such as `sentiment_label`, instead of one of parts, `sentiment`, which
                has the scores of other labels too.
        """
        self._store, self._job, self._flat = store, job, flat
        self._dated = False
        self._names = names_beside(list(job.columns), job.request.tasks)
        self._models = self._registered()
        self._sizes = store.bulks.pieces(job.bulk_id)
        self._bad = {one.row for one in store.bulks.bad_rows(job.bulk_id)}
        self._failed: dict[tuple[str, str | None], Missing] = {
            (one.job_id, one.task): (one.state, one.reason)
            for one in failures(store.engine, job.bulk_id)
        }

    @property
    def _takes_all(self) -> bool:
        return not (self._bad or self._job.request.where)

    def columns(self) -> list[Column]:
        """All columns: the input's, then ours.

        Raises:
            DataError: the input is a file of Parquet and is not there any more, or has changed.
        """
        schema = schema_of(self._job.request)
        types = {} if schema is None else dict(zip(schema.names, schema.types, strict=True))
        own = columns_of(self._names, flat=self._flat)
        return [
            Column(name, kind, types.get(name)) for name, kind in self._job.columns.items()
        ] + own

    def blocks(self) -> Iterator[Block]:
        """The joined rows, in pieces, in the order of the input.

        Raises:
            DataError: the input is not there any more, or has changed.
        """
        return (Beside(found, self._own(piece, rows)) for found, piece, rows in self._read())

    def blocks_as_done(self) -> Iterator[Block]:
        """The same in the order in which their last answers came; see `as_done`."""
        self._dated = True
        return as_done(
            (Beside(found, self._own(piece, rows)), self._moments(piece, rows))
            for found, piece, rows in self._read()
        )

    def _read(self) -> Iterator[tuple[Any, _Piece, Sequence[int]]]:
        """What is found, in time; SQLite's driver would make a second thread slow both."""
        found = self._found()
        return ahead(found) if self._store.engine.dialect.name == "postgresql" else found

    def _found(self) -> Iterator[tuple[Any, _Piece, Sequence[int]]]:
        """The input's rows that are documents, the piece they are of, and their numbers."""
        source = Again(self._job.request, all_good=self._takes_all)
        for piece in self._pieces():
            found = source.take(piece.rows)
            if len(found) < piece.rows:
                raise DataError("The input is shorter than it was when the job was submitted.")
            wanted: Sequence[int] = range(piece.first, piece.first + piece.rows)
            if not self._takes_all:
                kept = [self._is_in(*one) for one in zip(wanted, found, strict=True)]
                wanted = list(itertools.compress(wanted, kept))
                found = list(itertools.compress(found, kept))
            yield found, piece, wanted
        for file in self._job.request.files:
            check_unchanged(file)  # the last one was not read to its end

    def _is_in(self, row: int, values: dict[str, Any]) -> bool:
        where = self._job.request.where
        return row not in self._bad and all(each.holds(values) for each in where)

    def _own(self, piece: _Piece, rows: Sequence[int]) -> dict[str, list[Any]]:
        """Our columns for these rows of the piece."""
        missing: list[Missing | None] = [None] * len(rows)
        own: dict[str, list[Any]] = {}
        whole = not (piece.reused or piece.earlier) and len(rows) == piece.rows
        for task, name in self._names.of_task.items():
            found, _, *answer = piece.answers[task]
            parts = parts_of(task, answer, self._models, flat=self._flat)
            flat = {f"{name}_{part}": column for part, column in parts.items()}
            columns = flat if self._flat else {name: nested(parts)}
            if whole and len(found) == piece.rows:
                own |= columns
                continue
            ids = self._ids(piece, rows)
            places = _places(found, ids)
            own |= {each: placed(column, places) for each, column in columns.items()}
            self._note(missing, places, ids, task)
        state, error = states(missing)
        return {self._names.state: state, self._names.error: error, **own}

    def _moments(self, piece: _Piece, rows: Sequence[int]) -> list[Any]:
        """When the last answer to each of these rows came; None where one lacks."""
        ids = self._ids(piece, rows)
        each = [
            placed(list(moments), _places(found, ids))
            for found, moments, *_ in piece.answers.values()
        ]
        return [None if None in of_row else max(of_row) for of_row in zip(*each, strict=True)]

    def _ids(self, piece: _Piece, rows: Sequence[int]) -> list[str]:
        """The jobs whose answers these rows have."""
        bulk_id, earlier = self._job.bulk_id, piece.earlier
        first = (piece.reused.get(row, row) for row in rows)
        return [earlier[row] if row in earlier else job_id_of(bulk_id, row) for row in first]

    def _note(
        self,
        missing: list[Missing | None],
        places: Sequence[int | None],
        ids: Sequence[str],
        task: Task,
    ) -> None:
        for row, place in enumerate(places):
            if place is None:
                failed = self._failed.get((ids[row], task.value))
                is_own = ids[row].startswith(f"{self._job.bulk_id}-")
                missing[row] = failed or missing[row] or (QUEUED if is_own else ERASED)

    def _pieces(self) -> Iterator[_Piece]:
        """The pieces of the manifest with their answers."""
        first = 1
        for number, rows in enumerate(self._sizes):
            yield self._piece(number, first, rows)
            first += rows

    def _piece(self, number: int, first: int, rows: int) -> _Piece:
        bulk_id = self._job.bulk_id
        reused = self._store.bulks.reused(bulk_id, number)
        before = sorted({row for row in reused.values() if row < first})
        earlier = self._earlier(first, rows, before)
        wanted = Stretch(
            bulk_id,
            job_id_of(bulk_id, first),
            job_id_of(bulk_id, first + rows - 1),
            [job_id_of(bulk_id, row) for row in before if row not in earlier],
        )
        theirs = [*filter(None, dict.fromkeys(earlier.values()))]
        found = {task: self._answers(task, wanted, theirs) for task in self._names.of_task}
        if any(not self._models.keys() >= set(columns[2]) for columns in found.values()):
            self._models = self._registered()
        return _Piece(first, rows, reused, earlier, found)

    def _earlier(self, first: int, rows: int, before: Sequence[int]) -> dict[int, str]:
        """Of the piece's rows and those before it, the ones with an earlier job's answer."""
        if not self._job.request.across:
            return {}
        texts, bulk_id = self._store.texts, self._job.bulk_id
        own = texts.decided(bulk_id, first, first + rows - 1)
        return own | texts.decided_of(bulk_id, before)

    def _answers(self, task: Task, wanted: Stretch, earlier: Sequence[str]) -> list[Sequence[Any]]:
        """Job ids, moments where they are needed, and the columns of the answers."""
        moment = "created_at" if self._dated else "NULL"
        engine, columns = self._store.engine, [moment, *asked_of(task, flat=self._flat)]
        own = answers(engine, task.value, wanted, columns)
        if not earlier:
            return own
        theirs = answers_to(engine, task.value, self._job.request.tenant, earlier, columns)
        return [[*one, *other] for one, other in zip(own, theirs, strict=True)]

    def _registered(self) -> dict[int, str]:
        """What each version is called."""
        versions = self._store.registry.versions()
        return {one.version_id: str(one) for one in versions}


def _places(found: Sequence[str], ids: Sequence[str]) -> list[int | None]:
    """Where each of these jobs stands among those that were found; None: nowhere."""
    numbers = {job_id: place for place, job_id in enumerate(found)}
    return [numbers.get(job_id) for job_id in ids]
