"""Answers that rows of later bulk jobs have, on both databases: when they are erased or old."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from tests.contracts.bulk_bench import Bench, bench
from tests.contracts.reuse_bench import (
    LATER,
    SAD,
    answered,
    jobs_of,
    labels,
    retried,
    routes,
    submitted,
)
from tests.contracts.store_fixtures import store_url, world
from workers.bulks.errors import errors_of
from workers.sql import bulk_texts
from workers.sql.erasure import erase
from workers.sql.maintenance import old_rows, remove_old_rows

__all__ = ["bench", "routes", "store_url", "world"]


def test_an_erased_answer_is_taken_from_the_rows_that_had_it(bench: Bench) -> None:
    jobs = answered(bench, "may", "a", "b")
    assert submitted(bench, "june", "new", "a", "b", "a") == ["new"]
    erase(bench.world.engine, "another", jobs[0]["job_id"])
    assert bench.status("june").failed == 0
    erase(bench.world.engine, "default", jobs[0]["job_id"])

    now = bench.status("june")
    assert (now.state, now.queued, now.failed) == ("running", 1, 1)
    assert now.reasons == {"ERASED earlier_answer": 1}
    rows = bench.export("june")
    assert [row["state"] for row in rows] == ["queued", "failed", "done", "failed"]
    assert rows[1]["error"] == rows[3]["error"] == "ERASED earlier_answer"
    (error,) = errors_of(bench.store, bench.store.bulks.find("june"))
    assert (error["row"], error["line"], error["state"]) == (2, 2, "ERASED")
    assert not bench.world.rows(f"SELECT 1 FROM bulk_earlier WHERE job_id = '{jobs[0]['job_id']}'")
    assert submitted(bench, "july", "a", "b") == ["a"]


def test_retry_computes_what_was_erased(bench: Bench) -> None:
    jobs = answered(bench, "may", "a", "b")
    submitted(bench, "june", "a", "b", "a")
    erase(bench.world.engine, "default", jobs[0]["job_id"])

    assert retried(bench, "june") == 1
    assert retried(bench, "june") == 0
    (job,) = jobs_of(bench, "june")
    assert (job["text"], job["job_id"][-3:]) == ("a", "001")
    now = bench.status("june")
    assert (now.state, now.documents, now.reused, now.reused_earlier) == ("running", 1, 1, 1)
    assert (now.queued, now.failed) == (1, 0)
    assert [row["state"] for row in bench.export("june")] == ["queued", "done", "queued"]

    bench.answer([job], said=SAD)
    assert labels(bench, "june") == ["negative", "positive", "negative"]
    assert bench.status("june").state == "done"
    assert submitted(bench, "july", "a") == []


def test_a_retry_that_dies_before_it_is_noted_is_repeated(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = answered(bench, "may", "a")
    submitted(bench, "june", "a")
    erase(bench.world.engine, "default", jobs[0]["job_id"])
    ask = type(bench.store.texts).ask
    monkeypatch.setattr(type(bench.store.texts), "ask", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        retried(bench, "june")
    monkeypatch.setattr(type(bench.store.texts), "ask", ask)

    assert bench.status("june").failed == 1
    assert retried(bench, "june") == 1
    first, again = jobs_of(bench, "june")
    assert first == again
    bench.answer([first])
    bench.answer([again])
    assert (bench.status("june").done, bench.status("june").documents) == (1, 1)


def test_a_row_is_erased_by_its_own_name_too(bench: Bench) -> None:
    answered(bench, "may", "a", "b")
    submitted(bench, "june", "a", "b")
    bulk_id = bench.store.bulks.find("june").bulk_id
    erase(bench.world.engine, "default", f"{bulk_id}-{'9' * 30}")
    erase(bench.world.engine, "default", f"{bulk_id}-0000000002")

    assert labels(bench, "june") == ["positive", None]
    assert labels(bench, "may") == ["positive", "positive"]


def test_cancelled_jobs_keep_what_they_have_and_ask_nothing(bench: Bench) -> None:
    jobs = answered(bench, "may", "a", "b")
    submitted(bench, "june", "a", "b", "c")
    bench.store.bulks.wish(bench.store.bulks.find("june").bulk_id, state="cancelled")
    assert labels(bench, "june") == ["positive", "positive", None]

    erase(bench.world.engine, "default", jobs[0]["job_id"])
    assert retried(bench, "june") == 0
    assert labels(bench, "june") == [None, "positive", None]


def test_an_old_answer_stays_while_a_row_has_it(bench: Bench) -> None:
    jobs = answered(bench, "may", "a", "b")
    submitted(bench, "june", "a")
    bench.world.ledger.advance({bench.world.p: (bench.world.epoch, 1000)})
    june = bench.store.bulks.find("june").bulk_id
    bench.store.bulks.wish(june, state="paused")

    assert old_rows(bench.world.engine, LATER)["result"] == 1
    removed = remove_old_rows(bench.world.engine, LATER)
    assert (removed["bulk"], removed["bulk_text"], removed["result"]) == (1, 2, 1)
    assert [row["sentiment"]["label"] for row in bench.export("june")] == ["positive"]
    assert bench.status("june").failed == 0
    assert submitted(bench, "july", "a", "b") == ["a", "b"]

    bench.store.bulks.wish(june, state="active")
    removed = remove_old_rows(bench.world.engine, LATER)
    assert (removed["bulk_earlier"], removed["result"]) == (1, 1)
    assert not bench.world.rows("SELECT 1 FROM bulk_earlier UNION ALL SELECT 1 FROM bulk_text")
    assert jobs[0]["job_id"] not in str(bench.world.everything()["result"])


@pytest.mark.parametrize("how", ["erasure", "maintenance"])
def test_no_answer_leaves_while_it_is_given(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It leaves between the look at it and the note of who has it."""
    (job,) = answered(bench, "may", "a")
    bench.world.ledger.advance({bench.world.p: (bench.world.epoch, 1000)})
    look, looked = bulk_texts.served_by_earlier, Event()

    def slowly(*given: Any) -> dict[int, str]:
        found = look(*given)
        looked.set()
        time.sleep(0.5)
        return found

    def leaves() -> None:
        assert looked.wait(10)
        if how == "erasure":
            erase(bench.world.engine, "default", job["job_id"])
        else:
            remove_old_rows(bench.world.engine, datetime.now(UTC))

    monkeypatch.setattr(bulk_texts, "served_by_earlier", slowly)
    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(leaves)
        assert submitted(bench, "june", "a") == []
        left.result()

    assert labels(bench, "june") == [None if how == "erasure" else "positive"]
    assert bench.status("june").failed == (how == "erasure")
    held = bench.world.rows("SELECT job_id FROM bulk_earlier WHERE job_id IS NOT NULL")
    assert held == bench.world.rows("SELECT job_id FROM result")
