"""The rows of a bulk job's input with their answers, in the order of the input.

    manifest's pieces ─► the same rows read again ─┐
    result, by job id, a piece at a time ──────────┴─► joined rows

Answers are found by job id, which rises with the row, so a piece is one stretch of the index. A row
whose text came before has the answer of that row. Rows that are no documents are left to `bulk
errors`.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, text

from producers.bulk.chunk import job_id_of
from producers.bulk.request import check_unchanged
from producers.bulk.source import Found
from producers.bulk.source import found as rows_of
from schemas.errors import DataError
from schemas.task import Task
from workers.assembly import Store
from workers.output import Column
from workers.sql.bulk_progress import failures
from workers.sql.bulks import FoundBulk
from workers.sql.row import Output
from workers.sql.transaction import reading

_PARTS: Final = {
    Task.CLASSIFICATION: (("label", "string"), ("score", "float")),
    Task.SENTIMENT: (("label", "string"), ("score", "float")),
    Task.SUMMARIZATION: (("summary", "string"), ("score", "float")),
    Task.TAGGING: (("spans", "spans"), ("score", "float")),
}
_MODEL: Final = ("model", "string")
QUEUED: Final = ("QUEUED", "")
_TAGGING, _SUMMARIZATION = Task.TAGGING.value, Task.SUMMARIZATION.value
_ASKED: Final = """
    SELECT job_id, task, label, score, summary, CAST(output AS text), model_version_id
    FROM result WHERE {condition} AND bulk_id = :bulk_id AND run = 0
"""
_STRETCH: Final = text(_ASKED.format(condition="job_id >= :first AND job_id <= :last"))
_SINGLY: Final = text(_ASKED.format(condition="job_id IN :ids")).bindparams(
    bindparam("ids", expanding=True)
)
_output: Final = msgspec.json.Decoder(Output).decode

Answer = dict[str, Any]
Answers = dict[tuple[str, str], Answer]
"""By job id and task."""


class Joined(NamedTuple):
    """Names of our own columns, which no column of the input has."""

    state: str
    error: str
    of_task: Mapping[Task, str]


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
        self._names = _names(job)
        self._tasks = [
            (task.value, name, [(f"{name}_{part}", part) for part, _ in (*_PARTS[task], _MODEL)])
            for task, name in self._names.of_task.items()
        ]
        self._versions = {
            one.version_id: f"{one.name}@{one.version}" for one in store.registry.versions()
        }
        self._pieces = store.bulks.submitted(job.bulk_id).chunks
        self._bad = {one.row for one in store.bulks.bad_rows(job.bulk_id)}
        self._failed = {
            (one.job_id, one.task): (one.state, one.reason)
            for one in failures(store.engine, job.bulk_id)
        }

    @property
    def _takes_all(self) -> bool:
        return not (self._bad or self._job.request.where)

    def columns(self) -> list[Column]:
        """All columns: the input's, then ours."""
        own = [Column(self._names.state), Column(self._names.error)]
        for task, name in self._names.of_task.items():
            parts = [*_PARTS[task], _MODEL]
            if self._flat:
                own += [Column(f"{name}_{part}", kind) for part, kind in parts]
            else:
                own.append(Column(name, "json"))
        return [Column(name, kind) for name, kind in self._job.columns.items()] + own

    def rows(self) -> Iterator[list[Answer]]:
        """The joined rows, in pieces.

        Raises:
            DataError: the input is not there any more, or has changed.
        """
        source = rows_of(self._job.request)
        for number in range(self._pieces):
            chunk = self._store.bulks.chunk(self._job.bulk_id, number)
            piece = list(itertools.islice(source, chunk.rows))
            if len(piece) < chunk.rows:
                raise DataError("The input is shorter than it was when the job was submitted.")
            reused = dict(chunk.reused)
            answers = self._answers(piece, reused)
            wanted = piece if self._takes_all else [one for one in piece if self._is_in(one)]
            yield [self._row(one, reused, answers) for one in wanted]
        for file in self._job.request.files:
            check_unchanged(file)  # the last one was not read to its end

    def _is_in(self, one: Found) -> bool:
        where = self._job.request.where
        return one.row not in self._bad and all(each.holds(one.values) for each in where)

    def _row(self, one: Found, reused: Mapping[int, int], answers: Answers) -> Answer:
        job_id = job_id_of(self._job.bulk_id, reused.get(one.row, one.row))
        row, missing = one.values, None
        row[self._names.state] = row[self._names.error] = None  # in the order of the columns
        for task, name, parts in self._tasks:
            answer = answers.get((job_id, task))
            if answer is None:
                missing = self._failed.get((job_id, task)) or missing or QUEUED
            if not self._flat:
                row[name] = answer
            else:
                for column, part in parts:
                    row[column] = None if answer is None else answer[part]
        row[self._names.state] = "done" if missing is None else _state(missing)
        if missing is not None and missing is not QUEUED:
            row[self._names.error] = " ".join(missing)
        return row

    def _answers(self, piece: Sequence[Found], reused: Mapping[int, int]) -> Answers:
        bulk_id = self._job.bulk_id
        stretch = {
            "bulk_id": bulk_id,
            "first": job_id_of(bulk_id, piece[0].row),
            "last": job_id_of(bulk_id, piece[-1].row),
        }
        before = {row for row in reused.values() if row < piece[0].row}
        singly = {"bulk_id": bulk_id, "ids": [job_id_of(bulk_id, row) for row in sorted(before)]}
        with reading(self._store.engine) as connection:
            found = [*connection.execute(_STRETCH, stretch).all()]
            if before:
                found += connection.execute(_SINGLY, singly).all()
        return {(row[0], row[1]): self._answer(row) for row in found}

    def _answer(self, row: Any) -> Answer:
        _, task, label, score, summary, output, version_id = row
        model = self._versions.get(version_id)
        if task == _TAGGING:
            spans = msgspec.to_builtins(_output(output).spans or ())
            return {"spans": list(spans), "score": score, "model": model}
        if task == _SUMMARIZATION:
            return {"summary": summary, "score": score, "model": model}
        if self._flat:
            return {"label": label, "score": score, "model": model}
        return {"label": label, "score": score, "scores": _output(output).scores, "model": model}


def _state(missing: tuple[str, str]) -> str:
    return {"QUEUED": "queued", "CANCELLED": "cancelled"}.get(missing[0], "failed")


def _names(job: FoundBulk) -> Joined:
    """Names for our columns; where the input has one of such a name, ours ends in `_`, or more."""

    def own(name: str) -> str:
        while any(one == name or one.startswith(f"{name}_") for one in job.columns):
            name += "_"
        return name

    return Joined(own("state"), own("error"), {task: own(task.value) for task in job.request.tasks})
