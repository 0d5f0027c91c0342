"""Bulk jobs on both databases: the manifest, and how far a job is."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from producers import bulk
from producers.bulk import chunk, submission
from producers.publisher import Publisher
from schemas.errors import DataError, UsageError
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.bulk_bench import Bench, bench, lines
from tests.contracts.store_fixtures import store_url, world
from workers.bulks import desk
from workers.bulks.errors import errors_of, publish_failed
from workers.bulks.export import Export
from workers.bulks.kept import forgotten
from workers.ports import Order, Profile
from workers.sql.maintenance import remove_old_rows

__all__ = ["bench", "store_url", "world"]


def test_a_submitter_that_dies_goes_on_and_nothing_is_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies when the log has a piece and the manifest does not."""
    bench.write(*lines(5), {"key": "again", "text": "text 0"})
    bench.submit_and_die(monkeypatch)
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
    assert not [one for one in asked if "chunk.reused " in one]
    assert len(next(rows)) == 2
    assert (
        len([one for one in asked if "chunk.reused " in one]) <= 2
    )  # its own, and perhaps the next
    assert [len(one) for one in rows] == [2, 2]


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
        "reused_earlier": 0,
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
