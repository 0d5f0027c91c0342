"""Bulk jobs on both databases: the manifest, how far a job is, its rows joined to their answers."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from producers import bulk
from producers.bulk import chunk, submission
from producers.bulk.request import Request, file_at
from producers.publisher import Publisher
from schemas.errors import DataError, UnavailableError, UsageError
from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.settings import DatabaseSettings, Settings
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import SENTIMENT, TAGS, World
from tests.full_disk import full_after
from workers.assembly import Store
from workers.block import Listed
from workers.bulks import desk
from workers.bulks.errors import errors_of, publish_failed
from workers.bulks.export import Export
from workers.bulks.kept import forgotten
from workers.bulks.status import Status, status_of
from workers.output import Form, written
from workers.ports import Order, Profile
from workers.sql.bulk_answers import Stretch, answers
from workers.sql.maintenance import remove_old_rows

__all__ = ["store_url", "world"]


class Bench:
    """A store, an embedded log, and hands to play dispatcher and worker with."""

    def __init__(self, world: World, store_url: str, directory: Path) -> None:
        self.world = world
        self.settings = Settings(
            data_dir=str(directory / "data"), database=DatabaseSettings(url=store_url)
        )
        self.store = Store(self.settings)
        self.file = directory / "in.jsonl"
        self.out = directory / "out.jsonl"
        self._offset = 100

    def write(self, *lines: Any) -> None:
        said = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        self.file.write_text("".join(line + "\n" for line in said), encoding="utf-8")

    def request(self, **fields: Any) -> Request:
        asked = {"tasks": (Task.SENTIMENT,), **fields}
        return Request(files=(file_at(self.file),), **asked)

    def submit(self, name: str = "june", **fields: Any) -> submission.Progress:
        return desk.hand_in(self.settings, self.request(**fields), name)[1]

    def records(self) -> list[dict[str, Any]]:
        """What is in the log, in order."""
        with sqlite3.connect(self.settings.log_path) as log:
            rows = log.execute("SELECT value FROM record ORDER BY rowid").fetchall()
        log.close()
        found = [json.loads(value) for (value,) in rows]
        return sorted(found, key=lambda one: str(one["job_id"]))

    def answer(
        self,
        jobs: Sequence[dict[str, Any]],
        said: Prediction = SENTIMENT,
        task: Task = Task.SENTIMENT,
    ) -> None:
        self._offset += len(jobs)
        first = self._offset - len(jobs)
        self.world.record(
            *(
                self.world.answer(first + n, said=said, task=task, **job)
                for n, job in enumerate(jobs)
            )
        )

    def end(self, job: dict[str, Any], state: Terminal, reason: str) -> None:
        whose = {"tenant": "default", "job_id": job["job_id"], "bulk_id": job["bulk_id"]}
        self.world.ledger.end([self.world.ending(self._offset, state, reason, **whose)])
        self._offset += 1

    def status(self, name: str = "june") -> Status:
        return status_of(self.store, self.store.bulks.find(name), 1)

    def export(self, name: str = "june", *, flat: bool = False) -> list[dict[str, Any]]:
        job = Export(self.store, self.store.bulks.find(name), flat=flat)
        return [dict(row) for block in job.blocks() for row in block.rows()]


@pytest.fixture
def bench(world: World, store_url: str, tmp_path: Path) -> Iterator[Bench]:
    """An empty bench."""
    bench = Bench(world, store_url, tmp_path)
    yield bench
    bench.store.engine.dispose()


def write_all(job: Export, path: Path) -> None:
    with written(path, Form(path.suffix[1:]), job.columns(), over=False) as write:
        for block in job.blocks():
            write(block)


def lines(count: int) -> list[dict[str, Any]]:
    return [{"key": f"k{n}", "text": f"text {n}"} for n in range(count)]


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


def test_a_submitter_that_dies_goes_on_and_nothing_is_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies when the log has a piece and the manifest does not."""
    pieces = chunk.pieces
    monkeypatch.setattr(chunk, "pieces", lambda request, tell: pieces(request, tell, 2))
    bench.write(*lines(5), {"key": "again", "text": "text 0"})
    keep = type(bench.store.bulks).keep

    def dies(bulks: Any, bulk_id: str, one: Any, columns: Any) -> Any:
        if one.number == 1:
            raise UnavailableError("away")
        return keep(bulks, bulk_id, one, columns)

    monkeypatch.setattr(type(bench.store.bulks), "keep", dies)
    with pytest.raises(UnavailableError):
        bench.submit()
    monkeypatch.setattr(type(bench.store.bulks), "keep", keep)
    assert bench.status().state == "submitting"
    assert bench.status().documents == 2

    bench.submit()
    ids = [job["job_id"] for job in bench.records()]
    assert len(ids) == 7
    assert len(set(ids)) == 5
    now = bench.status()
    assert (now.rows, now.documents, now.reused) == (6, 5, 1)
    bench.submit()
    assert len(bench.records()) == 7


def test_names_are_of_one_request(bench: Bench) -> None:
    bench.write(*lines(2))
    bench.submit()

    with pytest.raises(UsageError, match="'june' exists and asks something else: give another"):
        bench.submit(lang="en")
    found = bench.store.bulks.find("june")
    assert bench.store.bulks.find(found.bulk_id) == found
    assert [one.name for one in bench.store.bulks.every(5)] == ["june"]
    with pytest.raises(UsageError, match="no bulk job 'july': `textmill bulk list`"):
        bench.store.bulks.find("july")


def test_what_cannot_be_read_takes_no_name(bench: Bench) -> None:
    bench.write()
    with pytest.raises(DataError, match="There is no row in"):
        bench.submit()
    bench.write(*lines(2))
    with pytest.raises(DataError, match="None of the first 2 rows is a document"):
        bench.submit(text_column="body")
    assert bench.store.bulks.every() == []

    bench.submit()
    assert bench.status().documents == 2


def test_wishes(bench: Bench) -> None:
    bench.write(*lines(2))
    bench.submit()
    bulks, bulk_id = bench.store.bulks, bench.store.bulks.find("june").bulk_id
    assert bulks.orders() == {}

    bulks.wish(bulk_id, priority=1)
    assert bulks.orders() == {bulk_id: Order("active", 1)}
    bulks.wish(bulk_id, state="paused")
    assert bulks.orders() == {bulk_id: Order("paused", 1)}
    assert bench.status().state == "paused"
    assert bench.status().priority == "high"
    bulks.wish(bulk_id, state="cancelled")
    assert bench.status().state == "cancelled"
    bulks.wish(bulk_id, state="cancelled")
    with pytest.raises(UsageError, match="is cancelled; submit it again under another name"):
        bulks.wish(bulk_id, state="active")
    with pytest.raises(UsageError, match="was cancelled: give another --name"):
        bench.submit()


def test_a_paused_job_stays_however_old(bench: Bench) -> None:
    bench.write(*lines(2))
    for name in ("paused", "given-up", "done"):
        bench.submit(name)
    bulks, later = bench.store.bulks, datetime.now(UTC) + timedelta(hours=1)
    bulks.wish(bulks.find("paused").bulk_id, state="paused")
    bulks.wish(bulks.find("given-up").bulk_id, state="cancelled")

    assert remove_old_rows(bench.store.engine, later)["bulk"] == 2
    (left,) = bulks.every()
    assert bulks.orders() == {left.bulk_id: Order("paused", 0)}


def test_a_submitter_waits_while_paused_and_ends_when_cancelled(bench: Bench) -> None:
    bench.write(*lines(2))
    asked = bench.request()
    begun = bench.store.bulks.begin("june", asked)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        state = "paused" if len(waits) < 3 else "cancelled"
        bench.store.bulks.wish(begun.bulk_id, state=state)

    bench.store.bulks.wish(begun.bulk_id, state="paused")
    with Publisher(bench.settings) as publisher:
        submission.submit(begun, asked, bench.store.bulks, publisher, wait)

    assert len(waits) == 3
    assert bench.status().rows == 0
    assert bench.status().submitted_at is None


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


def test_a_repeated_record_is_no_second_document(bench: Bench) -> None:
    bench.write(*lines(1))
    bench.submit()
    (job,) = bench.records()
    bench.answer([job])
    bench.answer([job])

    assert (bench.status().done, bench.status().failed) == (1, 0)
    assert bench.world.rows("SELECT count(*) FROM ending") == [(1,)]


def test_failed_documents_are_published_again(bench: Bench) -> None:
    bench.write(*lines(3))
    bench.submit()
    jobs = bench.records()
    bench.answer(jobs[:1])
    bench.end(jobs[1], Terminal.EXPIRED, "deadline")
    bench.end(jobs[2], Terminal.CANCELLED, "cancelled")
    with Publisher(bench.settings) as publisher:
        assert publish_failed(bench.store, bench.store.bulks.find("june"), publisher) == 1
    again = [job["job_id"] for job in bench.records()]
    assert again.count(jobs[1]["job_id"]) == 2

    bench.answer([jobs[1]])
    assert bench.status().done == 2
    assert bench.status().failed == 0


def test_an_input_that_changed_is_not_joined(bench: Bench) -> None:
    bench.write(*lines(3))
    bench.submit()
    bench.write(*lines(2))

    with pytest.raises(DataError, match="has changed since the job was asked for"):
        bench.export()


def test_an_input_that_changes_during_the_export_is_not_joined(bench: Bench) -> None:
    bench.write(*lines(3))
    bench.submit()
    rows = Export(bench.store, bench.store.bulks.find("june"), flat=False).blocks()
    assert len(next(rows)) == 3
    bench.write(*lines(2))

    with pytest.raises(DataError, match="has changed since the job was asked for"):
        next(rows)


def test_errors_without_their_places_where_the_input_is_gone(bench: Bench) -> None:
    bench.write(*lines(2))
    bench.submit()
    bench.end(bench.records()[1], Terminal.EXPIRED, "deadline")
    bench.file.unlink()

    (found,) = errors_of(bench.store, bench.store.bulks.find("june"))
    assert (found["row"], found["file"], found["line"], found["reason"]) == (
        2,
        None,
        None,
        "deadline",
    )


def test_repeated_rows_are_read_a_piece_at_a_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be as many as rows; how far the job is, is known without them."""
    pieces = chunk.pieces
    monkeypatch.setattr(chunk, "pieces", lambda request, tell: pieces(request, tell, 2))
    bench.write(*({"text": str(n % 3)} for n in range(6)))
    bench.submit()
    asked: list[str] = []
    event.listen(bench.store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    assert (bench.status().reused, bench.status().documents) == (3, 3)
    assert bench.status().eta_s is None
    rows = Export(bench.store, bench.store.bulks.find("june"), flat=False).blocks()
    assert not [one for one in asked if "reused" in one]
    assert len(next(rows)) == 2
    assert len([one for one in asked if "reused" in one]) <= 2  # its own, and perhaps the next
    assert [len(one) for one in rows] == [2, 2]


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


def test_inputs_of_jobs_that_are_gone_are_forgotten(bench: Bench) -> None:
    bulk.submit([{"text": "a"}], "sentiment", settings=bench.settings)
    kept = desk.keep_table(bench.settings, [{"text": "b"}])
    assert forgotten(bench.settings, bench.store) == []

    for path in kept.parent.iterdir():
        os.utime(path, (0, 0))
    assert forgotten(bench.settings, bench.store) == [kept]


def test_rows_and_files_from_a_program(bench: Bench) -> None:
    job = bulk.submit([{"body": "a"}], "sentiment", text_column="body", settings=bench.settings)
    bench.write(*lines(2))
    other = bulk.submit(bench.file, "sentiment", name="files", settings=bench.settings)

    assert job.status().rows == 1
    assert other.name == "files"
    with pytest.raises(UsageError, match="takes files, an Arrow, pandas or Polars table, or rows"):
        bulk.submit(7, "sentiment", settings=bench.settings)
    with pytest.raises(UsageError, match="cannot be like this"):
        bulk.submit(bench.file, "sentiment", lang="fr", settings=bench.settings)


def test_a_forecast_publishes_nothing(bench: Bench) -> None:
    bench.write(*lines(3), {"text": "text 1"})
    said = desk.forecast(bench.settings, bench.request(), lambda text: None)

    assert msgspec.structs.asdict(said) | {"tokens": 0} == {
        "rows": 4,
        "documents": 3,
        "reused": 1,
        "bad": 0,
        "left_out": 0,
        "tokens": 0,
        "predicted_s": None,
        "workers": 1,
    }
    assert not bench.settings.log_path.exists()


def test_a_document_that_failed_twice_counts_once_as_it_failed_last(bench: Bench) -> None:
    bench.write(*lines(2))
    bench.submit()
    first = bench.records()[0]
    bench.end(first, Terminal.QUARANTINED, "poison")
    bench.end(first, Terminal.EXPIRED, "deadline")

    assert (bench.status().failed, bench.status().queued) == (1, 1)
    assert bench.status().reasons == {"EXPIRED deadline": 1}
    assert [row["error"] for row in bench.export()] == ["EXPIRED deadline", None]


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


def test_a_forecast_is_of_the_version_that_would_answer(bench: Bench) -> None:
    version_id = bench.world.version.version_id
    bench.store.profiles.keep([Profile(version_id, "cpu", (0.0, 1.0, 0.0), 9)])
    bench.write(*lines(3))

    def predicted(**fields: Any) -> float | None:
        return desk.forecast(bench.settings, bench.request(**fields), lambda text: None).predicted_s

    assert predicted(model="mood@1") == 6.0
    assert predicted(model="mood@1", tasks=(Task.TAGGING,)) is None
    assert predicted() is None
    bench.world.registry.route(Task.SENTIMENT, "zh", bench.world.version)
    assert (predicted(), predicted(lang="en")) == (6.0, None)


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
