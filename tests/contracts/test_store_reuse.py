"""Answers across bulk jobs on both databases: who is served by whom."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.bulk_bench import Bench, bench, lines
from tests.contracts.reuse_bench import (
    SAD,
    answered,
    jobs_of,
    labels,
    route,
    routes,
    submitted,
)
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import TAGS, manifest
from workers.bulks import desk

__all__ = ["bench", "routes", "store_url", "world"]


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
    bench.write(*lines(6))
    bench.submit_and_die(monkeypatch, reuse="all")
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


def test_a_dry_run_says_what_would_be_reused_and_keeps_nothing(bench: Bench) -> None:
    answered(bench, "may", "a", "b")
    before = bench.world.rows("SELECT * FROM bulk_text")
    bench.write({"text": "a"}, {"text": "c"}, {"text": "c"})
    said = desk.forecast(bench.settings, bench.request(reuse="all"), lambda text: None)

    assert (said.rows, said.documents, said.reused, said.reused_earlier) == (3, 1, 1, 1)
    assert bench.world.rows("SELECT * FROM bulk_text") == before
    assert not bench.world.rows("SELECT 1 FROM bulk_earlier")
