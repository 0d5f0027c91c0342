"""Answers across bulk jobs on both databases: who is served by whom, and what becomes of it."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from producers.bulk import chunk
from producers.publisher import Publisher
from schemas.errors import UnavailableError
from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.bulk_bench import Bench, bench, lines
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import TAGS, manifest
from workers.bulks import desk
from workers.bulks.errors import errors_of, publish_failed
from workers.sql import bulk_texts
from workers.sql.erasure import erase
from workers.sql.maintenance import old_rows, remove_old_rows

__all__ = ["bench", "store_url", "world"]

LATER = datetime.now(UTC) + timedelta(hours=1)
SAD = Prediction(tokens=1, label="negative", score=0.5, scores={"negative": 0.5, "positive": 0.5})


@pytest.fixture(autouse=True)
def routes(bench: Bench) -> None:
    """The world's version is live."""
    route(bench, bench.world.version)


def route(bench: Bench, version: Any) -> None:
    for lang in ("zh", "en"):
        bench.world.registry.route(Task.SENTIMENT, lang, version)


def jobs_of(bench: Bench, name: str) -> list[dict[str, Any]]:
    """What the log has of a job, in order."""
    bulk_id = bench.store.bulks.find(name).bulk_id
    return [job for job in bench.records() if job["bulk_id"] == bulk_id]


def submitted(bench: Bench, name: str, *texts: str, **fields: Any) -> list[str]:
    """Submit these texts, in a file of their own; the texts that the log has of the job."""
    bench.file = bench.file.with_name(f"{name}.jsonl")
    bench.write(*({"text": one} for one in texts))
    bench.submit(name, **{"reuse": "all", **fields})
    return [job["text"] for job in jobs_of(bench, name)]


def answered(bench: Bench, name: str, *texts: str, **fields: Any) -> Sequence[dict[str, Any]]:
    """Submit these texts and answer all of them."""
    submitted(bench, name, *texts, **fields)
    jobs = jobs_of(bench, name)
    bench.answer(jobs)
    return jobs


def retried(bench: Bench, name: str) -> int:
    with Publisher(bench.settings) as publisher:
        return publish_failed(bench.store, bench.store.bulks.find(name), publisher)


def labels(bench: Bench, name: str) -> list[Any]:
    return [row["sentiment"] and row["sentiment"]["label"] for row in bench.export(name)]


def test_an_earlier_answer_serves_the_same_text(bench: Bench) -> None:
    submitted(bench, "may", "sad", "gay", "e\u0301")
    first, *others = jobs_of(bench, "may")
    bench.answer([first], said=SAD)
    bench.answer(others)

    assert submitted(bench, "june", "new", " gay", "sad ", "gay", "\u00e9") == ["new"]
    now = bench.status("june")
    assert (now.rows, now.documents, now.reused, now.reused_earlier) == (5, 1, 1, 3)
    assert (now.state, now.queued, now.done, now.failed) == ("running", 1, 0, 0)
    assert labels(bench, "june") == [None, "positive", "negative", "positive", "positive"]
    assert [row["state"] for row in bench.export("june")] == ["queued"] + ["done"] * 4

    bench.answer(jobs_of(bench, "june"), said=SAD)
    assert bench.status("june").state == "done"
    assert labels(bench, "june") == ["negative", "positive", "negative", "positive", "positive"]
    assert [row["sentiment_model"] for row in bench.export("june", flat=True)] == ["mood@1"] * 5


def test_a_job_of_known_texts_alone_is_done_at_once(bench: Bench) -> None:
    answered(bench, "may", "a", "b")

    assert submitted(bench, "june", "a", "b", "a") == []
    now = bench.status("june")
    assert (now.state, now.eta_s, now.documents, now.reused_earlier) == ("done", 0.0, 0, 2)
    assert submitted(bench, "july", "b") == []
    assert bench.world.rows("SELECT DISTINCT job_id FROM bulk_earlier ORDER BY job_id") == [
        (job["job_id"],) for job in jobs_of(bench, "may")
    ]


@pytest.mark.parametrize("how", [True, False])
def test_nothing_is_taken_that_is_not_asked_for(bench: Bench, how: bool) -> None:
    answered(bench, "may", "a")

    assert submitted(bench, "june", "a", "a", reuse=how) == ["a"] * (1 if how else 2)
    assert bench.status("june").reused_earlier == 0


def test_words_of_what_is_reused(bench: Bench) -> None:
    def said(word: str) -> Any:
        bench.write(*lines(1))
        return desk.request_of(bench.settings, [str(bench.file)], ["sentiment"], [], reuse=word)

    assert [said(word).reuse for word in ("file", "all", "none")] == [True, "all", False]
    with pytest.raises(Exception, match="`some` is nothing to reuse from: file, all, none"):
        said("some")


def test_never_across_tenants(bench: Bench) -> None:
    answered(bench, "may", "a", tenant="shop")

    assert submitted(bench, "june", "a", tenant="bank") == ["a"]
    assert submitted(bench, "july", "a", tenant="shop") == []


def test_never_across_tasks(bench: Bench) -> None:
    answered(bench, "may", "a")
    both = (Task.SENTIMENT, Task.TAGGING)
    tagger = bench.world.registry.register(manifest("tags", Task.TAGGING), "b" * 64, Path("/m/2"))
    for lang in ("zh", "en"):
        bench.world.registry.route(Task.TAGGING, lang, tagger)

    assert submitted(bench, "june", "a", tasks=both) == ["a", "a"]
    jobs = jobs_of(bench, "june")[:1]
    bench.answer(jobs)
    assert submitted(bench, "july", "a", tasks=both) == ["a", "a"]
    items = (bench.world.answer(900, said=TAGS, task=Task.TAGGING, **jobs[0]),)
    bench.world.record(*items, version=tagger)
    assert submitted(bench, "august", "a", tasks=both) == []
    assert [row["tagging"]["spans"][0]["text"] for row in bench.export("august")] == ["Acme"]


def test_only_answers_of_the_version_that_would_answer(bench: Bench) -> None:
    answered(bench, "may", "a")
    newer = bench.world.registry.register(manifest(), "c" * 64, Path("/m/2"))
    assert submitted(bench, "named", "a", model="mood@2") == ["a"]
    assert submitted(bench, "old", "a", model="mood@1") == []

    route(bench, newer)
    assert submitted(bench, "june", "a") == ["a"]
    bench.world.record(
        *(bench.world.answer(700, said=SAD, **job) for job in jobs_of(bench, "june")),
        version=newer,
    )
    assert submitted(bench, "july", "a") == []
    assert labels(bench, "july") == ["negative"]
    assert labels(bench, "old") == ["positive"]


def test_only_answers_in_the_language_that_would_be_read(bench: Bench) -> None:
    answered(bench, "may", "a fine day")

    assert submitted(bench, "june", "a fine day", lang="zh") == ["a fine day"]
    assert submitted(bench, "july", "a fine day", lang="en") == []


def test_what_failed_or_is_under_way_serves_nobody(bench: Bench) -> None:
    submitted(bench, "may", "failed", "cancelled", "waits")
    failed, cancelled, _ = jobs_of(bench, "may")
    bench.end(failed, Terminal.QUARANTINED, "poison")
    bench.end(cancelled, Terminal.CANCELLED, "cancelled")

    texts = ["failed", "cancelled", "waits"]
    assert submitted(bench, "june", *texts) == texts
    bench.answer(jobs_of(bench, "june"))
    assert submitted(bench, "july", *texts) == []


def test_a_submitter_that_dies_decides_nothing_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies when the log has a piece and the manifest does not; meanwhile answers come."""
    answered(bench, "may", "text 0", "text 3")
    pieces = chunk.pieces
    monkeypatch.setattr(chunk, "pieces", lambda request, tell: pieces(request, tell, 2))
    bench.write(*lines(6))
    keep = type(bench.store.bulks).keep

    def dies(bulks: Any, bulk_id: str, one: Any, columns: Any) -> Any:
        if one.number == 1:
            raise UnavailableError("away")
        return keep(bulks, bulk_id, one, columns)

    monkeypatch.setattr(type(bench.store.bulks), "keep", dies)
    with pytest.raises(UnavailableError):
        bench.submit(reuse="all")
    monkeypatch.setattr(type(bench.store.bulks), "keep", keep)
    before = [job["text"] for job in jobs_of(bench, "june")]
    assert before == ["text 1", "text 2"]
    bench.answer(jobs_of(bench, "june"))

    progress = bench.submit(reuse="all")
    after = [job["text"] for job in jobs_of(bench, "june")]
    assert after == ["text 1", "text 2", "text 2", "text 4", "text 5"]
    assert (progress.documents, progress.reused_earlier) == (4, 2)
    now = bench.status()
    assert (now.rows, now.documents, now.reused_earlier, now.done) == (6, 4, 2, 2)
    assert labels(bench, "june") == ["positive"] * 4 + [None] * 2


def test_two_submitters_of_a_job_agree(bench: Bench) -> None:
    answered(bench, "may", *(f"text {n}" for n in range(0, 40, 2)))
    bench.write(*lines(40))
    asked = bench.request(reuse="all")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(desk.hand_in, bench.settings, asked, "june") for _ in range(2)]
    seen = [one.result()[1] for one in both]

    assert {one.documents for one in seen} <= {0, 20}  # 0: it was submitted already
    texts = [job["text"] for job in jobs_of(bench, "june")]
    assert set(texts) == {f"text {n}" for n in range(1, 40, 2)}
    now = bench.status()
    assert (now.rows, now.documents, now.reused_earlier) == (40, 20, 20)


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


def test_a_dry_run_says_what_would_be_reused_and_keeps_nothing(bench: Bench) -> None:
    answered(bench, "may", "a", "b")
    before = bench.world.rows("SELECT * FROM bulk_text")
    bench.write({"text": "a"}, {"text": "c"}, {"text": "c"})
    said = desk.forecast(bench.settings, bench.request(reuse="all"), lambda text: None)

    assert (said.rows, said.documents, said.reused, said.reused_earlier) == (3, 1, 1, 1)
    assert bench.world.rows("SELECT * FROM bulk_text") == before
    assert not bench.world.rows("SELECT 1 FROM bulk_earlier")
