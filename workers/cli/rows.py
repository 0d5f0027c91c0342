"""How answers look on a terminal, in a pipe and in a spreadsheet."""

import itertools
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from schemas.task import Task
from workers.block import Listed
from workers.output import Column, Form, Write, plain, printed
from workers.sql.lookup import FoundAnswer, FoundEnding

WRITTEN_AT_ONCE: Final = 1000

ANSWER_COLUMNS: Final = {
    Task.CLASSIFICATION: ("label", "score"),
    Task.SENTIMENT: ("label", "score"),
    Task.SUMMARIZATION: ("summary", "score"),
    Task.TAGGING: ("spans",),
}


def answer_row(answer: FoundAnswer) -> dict[str, Any]:
    """One flat row, keys as in the task's view."""
    prediction = msgspec.to_builtins(answer.prediction)
    head = {"job_id": answer.job_id, "tenant": answer.tenant, "task": answer.task}
    return {
        **head,
        "lang": answer.lang,
        **{column: prediction.get(column) for column in ANSWER_COLUMNS[answer.task]},
        "model": answer.model,
        "version": answer.version,
        "build": answer.build,
        "created_at": answer.created_at.isoformat(),
        "metadata": answer.metadata,
    }


def ending_row(ending: FoundEnding) -> dict[str, Any]:
    """A record that ended without a result, as one row."""
    return {
        "job_id": ending.job_id,
        "tenant": ending.tenant,
        "task": ending.task,
        "state": ending.state,
        "reason": ending.reason,
        "detail": ending.detail,
        "created_at": ending.created_at.isoformat(),
    }


def json_line(row: dict[str, Any]) -> str:
    """The row as one line of JSON."""
    return msgspec.json.encode(row).decode()


def columns_of(task: Task) -> list[Column]:
    """The columns of a file of answers."""
    kinds = {"score": "float", "version": "int", "spans": "spans", "metadata": "json"}
    head = ("job_id", "tenant", "task", "lang", *ANSWER_COLUMNS[task])
    names = (*head, "model", "version", "build", "created_at", "metadata")
    return [Column(name, kinds.get(name, "string")) for name in names]


def print_rows(answers: Iterable[FoundAnswer], task: Task, form: str) -> int:
    """Print answers as a `table`, or in the form of a file; returns how many."""
    if form == "table":
        return _write_table(map(answer_row, answers), task)
    with printed(Form(form), columns_of(task)) as write:
        return write_rows(answers, write)


def write_rows(answers: Iterable[FoundAnswer], write: Write) -> int:
    """Write answers to a file; returns how many."""
    rest, number = iter(answers), 0
    while rows := [answer_row(answer) for answer in itertools.islice(rest, WRITTEN_AT_ONCE)]:
        write(Listed(rows))
        number += len(rows)
    return number


def _write_table(rows: Iterable[dict[str, Any]], task: Task) -> int:
    table = Table()
    for column in ("job_id", "lang", *ANSWER_COLUMNS[task], "answered by", "at (UTC)"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["job_id"],
            row["lang"],
            *(_shown(row[column]) for column in ANSWER_COLUMNS[task]),
            f"{row['model']}@{row['version']}",
            row["created_at"][:19].replace("T", " "),
        )
    Console().print(table)
    return table.row_count


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else plain(value)
