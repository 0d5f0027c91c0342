"""Rows of bulk jobs joined to their answers, on both databases."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from producers import bulk
from producers.bulk.request import File
from schemas.errors import DataError, UnavailableError, UsageError
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.bulk_bench import Bench, bench, lines
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import SENTIMENT, TAGS
from tests.full_disk import full_after
from workers.block import Listed
from workers.bulks import export
from workers.bulks.errors import errors_of
from workers.bulks.export import Export
from workers.output import Form, written
from workers.sql.bulk_answers import Stretch, answers

__all__ = ["bench", "store_url", "world"]


def write_all(job: Export, path: Path) -> None:
    with written(path, Form(path.suffix[1:]), job.columns(), over=False) as write:
        for block in job.blocks():
            write(block)


def test_a_job_from_file_to_file(bench: Bench) -> None:
    bench.write(*lines(3), "broken", {"key": "again", "text": "text 1"})
    bench.submit()
    jobs = bench.records()
    assert [job["text"] for job in jobs] == ["text 0", "text 1", "text 2"]
    before = bench.status()
    bench.answer(jobs[:2])
    bench.end(jobs[2], Terminal.QUARANTINED, "kills_worker")

    assert (before.state, before.rows, before.documents, before.reused) == ("running", 5, 3, 1)
    now = bench.status()
    assert (now.state, now.done, now.failed, now.queued, now.bad) == ("done", 2, 1, 0, 1)
    assert now.reasons == {"QUARANTINED kills_worker": 1}
    rows = bench.export()
    assert [row["key"] for row in rows] == ["k0", "k1", "k2", "again"]
    assert [row["state"] for row in rows] == ["done", "done", "failed", "done"]
    assert rows[2]["error"] == "QUARANTINED kills_worker"
    answer = {"label": "positive", "score": 0.75, "scores": SENTIMENT.scores, "model": "mood@1"}
    assert rows[0]["sentiment"] == rows[3]["sentiment"] == answer
    found = errors_of(bench.store, bench.store.bulks.find("june"))
    assert [(one["line"], one["state"], one["reason"]) for one in found] == [
        (3, "QUARANTINED", "kills_worker"),
        (4, "BAD_ROW", "not_json"),
    ]


def test_what_was_cancelled_is_counted_and_exported_so(bench: Bench) -> None:
    bench.write(*lines(3))
    bench.submit()
    jobs = bench.records()
    bench.answer(jobs[:1])
    for job in jobs[1:]:
        bench.end(job, Terminal.CANCELLED, "cancelled")

    now = bench.status()
    assert (now.done, now.cancelled, now.failed, now.queued) == (1, 2, 0, 0)
    assert [row["state"] for row in bench.export()] == ["done", "cancelled", "cancelled"]


def test_several_tasks_and_flat_columns(bench: Bench) -> None:
    bench.write({"text": "Acme", "tagging": "mine"})
    bench.submit(tasks=(Task.SENTIMENT, Task.TAGGING))
    jobs = bench.records()
    assert len(jobs) == 2
    bench.answer(jobs[:1], TAGS, Task.TAGGING)

    (row,) = bench.export(flat=True)
    assert row["tagging"] == "mine"
    assert row["tagging__spans"][0]["text"] == "Acme"
    assert row["sentiment_label"] is None
    assert row["state"] == "queued"
    job = Export(bench.store, bench.store.bulks.find("june"), flat=True)
    assert {column.name for column in job.columns()} == row.keys()
    assert bench.status().tasks["tagging"]["done"] == 1
    assert bench.status().tasks["sentiment"]["queued"] == 1


def test_an_input_that_changed_is_not_joined(bench: Bench) -> None:
    bench.write(*lines(3))
    bench.submit()
    bench.write(*lines(2))

    with pytest.raises(DataError, match="has changed since the job was asked for"):
        bench.export()


def test_an_input_that_changes_during_the_export_is_not_joined(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(*lines(3))
    bench.submit()
    check = export.check_unchanged

    def after_a_change(file: File) -> None:
        bench.write(*lines(2))  # when its last row is read: an export may read ahead
        check(file)

    monkeypatch.setattr(export, "check_unchanged", after_a_change)
    rows = Export(bench.store, bench.store.bulks.find("june"), flat=False).blocks()
    assert len(next(rows)) == 3

    with pytest.raises(DataError, match="has changed since the job was asked for"):
        next(rows)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_full_disk_leaves_no_file(bench: Bench, suffix: str) -> None:
    bench.write(*lines(3000))
    bench.submit()
    out = bench.out.with_suffix(f".{suffix}")
    job = Export(bench.store, bench.store.bulks.find("june"), flat=True)

    with (
        pytest.raises(UnavailableError, match=r"not be written: .*Nothing"),
        full_after(2000),
    ):
        write_all(job, out)

    assert [path.name for path in bench.out.parent.glob("out*")] == []


def test_a_file_that_is_there_is_kept(bench: Bench) -> None:
    bench.out.write_text("mine")
    bench.write(*lines(1))
    bench.submit()
    job = Export(bench.store, bench.store.bulks.find("june"), flat=False)
    with pytest.raises(UsageError, match="exists: give another name, or --overwrite"):
        write_all(job, bench.out)
    assert bench.out.read_text() == "mine"
    with written(bench.out, Form.JSONL, [], over=True) as write:
        write(Listed([{"a": 1}]))
    assert bench.out.read_text() == '{"a":1}\n'


def test_tables_in_and_out(bench: Bench) -> None:
    import pyarrow as pa

    table = pa.table({"text": ["a", "b"], "n": [1, None]})
    job = bulk.submit(table, "sentiment", settings=bench.settings)
    again = bulk.submit(table, ["sentiment"], settings=bench.settings)
    assert (again.name, again.bulk_id) == (job.name, job.bulk_id)
    with pytest.raises(UnavailableError, match="2 answers are outstanding"):
        job.wait(0)
    bench.answer(bench.records())

    rows = job.wait(5).table().to_pylist()
    assert [(row["n"], row["sentiment_label"], row["sentiment_score"]) for row in rows] == [
        (1, "positive", 0.75),
        (None, "positive", 0.75),
    ]
    assert job.status().state == "done"


def test_our_columns_get_out_of_the_way_of_any_of_the_input(bench: Bench) -> None:
    bench.write({"text": "a", "state": "x", "state_": "y", "sentiment_label": "z"})
    bench.submit()
    bench.answer(bench.records())

    (row,) = bench.export(flat=True)
    assert [row[name] for name in ("state", "state_", "state__")] == ["x", "y", "done"]
    assert (row["sentiment_label"], row["sentiment__label"]) == ("z", "positive")


def test_rows_of_a_program_may_lack_columns(bench: Bench) -> None:
    rows = [{"text": "a"}, {"text": "b", "key": 7}]
    job = bulk.submit(rows, "sentiment", settings=bench.settings)
    bench.answer(bench.records())

    assert job.table().to_pydict()["key"] == [None, 7]
    with pytest.raises(UsageError, match="The rows are no table"):
        bulk.submit([{"text": "a", "key": 7}, {"text": "b", "key": "c"}], "sentiment")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_piece_is_read_along_the_key(bench: Bench) -> None:
    """The index of bulk jobs would lead to the whole job for each piece; PostgreSQL plans by what
    is in a table, and here is next to nothing."""
    asked: list[tuple[str, Any]] = []
    event.listen(bench.store.engine, "before_cursor_execute", lambda *g: asked.append(g[2:4]))
    answers(bench.store.engine, "sentiment", Stretch("b", "b-1", "b-2", []), ["label"])

    with bench.store.engine.connect() as connection:
        statement, given = asked[-1]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
    assert [row[-1] for row in plan] == [
        "SEARCH result USING INDEX sqlite_autoindex_result_1 (job_id>? AND job_id<?)"
    ]


@pytest.mark.parametrize("flat", [False, True])
def test_rows_in_the_order_in_which_they_were_done(bench: Bench, flat: bool) -> None:
    bench.write(*lines(3), {"key": "again", "text": "text 2"}, {"key": "k4", "text": "text 4"})
    bench.submit(tasks=(Task.SENTIMENT, Task.CLASSIFICATION))
    first, second, third, _ = (one for one in bench.records()[::2])
    bench.answer([first, second, third], task=Task.SENTIMENT)
    for job in (third, first):
        bench.answer([job], task=Task.CLASSIFICATION)

    job = Export(bench.store, bench.store.bulks.find("june"), flat=flat)
    rows = [row for block in job.blocks_as_done() for row in block.rows()]
    assert [row["key"] for row in rows] == ["k2", "again", "k0", "k1", "k4"]
    assert [row["state"] for row in rows] == ["done"] * 3 + ["queued"] * 2
    assert sorted(map(str, rows)) == sorted(map(str, bench.export(flat=flat)))
