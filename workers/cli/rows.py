"""How answers look on a terminal, in a pipe and in a spreadsheet."""

import csv
import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from schemas.task import Task
from workers.sql.lookup import FoundAnswer, FoundEnding

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


def write_rows(answers: Iterable[FoundAnswer], task: Task, form: str) -> int:
    """Write answers to standard output as a `table`, as `jsonl` or as `csv`; returns how many."""
    write = {"jsonl": _write_jsonl, "csv": _write_csv}.get(form, _write_table)
    return write((answer_row(answer) for answer in answers), task)


def _write_jsonl(rows: Iterable[dict[str, Any]], task: Task) -> int:
    return sum(bool(sys.stdout.write(json_line(row) + "\n")) for row in rows)


def _write_csv(rows: Iterable[dict[str, Any]], task: Task) -> int:
    head = ("job_id", "tenant", "task", "lang", *ANSWER_COLUMNS[task])
    columns = (*head, "model", "version", "created_at", "metadata")
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    return sum(bool(writer.writerow(_plain(row[column]) for column in columns)) for row in rows)


def _write_table(rows: Iterable[dict[str, Any]], task: Task) -> int:
    table = Table()
    for column in ("job_id", "lang", *ANSWER_COLUMNS[task], "answered by", "at (UTC)"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["job_id"],
            row["lang"],
            *(_plain(row[column]) for column in ANSWER_COLUMNS[task]),
            f"{row['model']}@{row['version']}",
            row["created_at"][:19].replace("T", " "),
        )
    Console().print(table)
    return table.row_count


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
