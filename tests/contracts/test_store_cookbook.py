"""Every query of deploy/sql/cookbook.md runs on both databases and returns what it should."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from producers.bulk.chunk import BadRow, Chunk
from producers.bulk.request import File, Request
from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.tables import deployment_event, model_replica, worker
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import (
    SUMMARY,
    TAGS,
    World,
    manifest,
)
from workers.sql.bulks import SqlBulks
from workers.sql.rerun import SqlReruns

__all__ = ["store_url", "world"]

COOKBOOK = Path(__file__).parents[2] / "deploy" / "sql" / "cookbook.md"
QUERIES: dict[str, str] = dict(
    re.findall(
        r"^## ([^\n]+)$(?:(?!^## ).)*?^```sql\n(.*?)^```$",
        COOKBOOK.read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)

# What stands in some columns of the rows that `fill` leads to.
EXPECTED: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {
    "Latest answers": (
        ("job_id", "label", "version"),
        [("job-4", "negative", 2), ("job-1", "positive", 1), ("job-2", "positive", 1)],
    ),
    "Everything about one job": (
        ("task", "run", "label", "summary"),
        [
            ("sentiment", 0, "positive", None),
            ("sentiment", 1, "negative", None),
            ("summarization", 0, None, "Short."),
        ],
    ),
    "Answers by day and label": (("label", "answers"), [("negative", 1), ("positive", 2)]),
    "Answers by model version": (
        ("model", "version", "answers", "mean_score"),
        [("mood", 1, 2, 0.75), ("mood", 2, 1, 0.5)],
    ),
    "Answers the model was least sure of": (("job_id", "score"), [("job-4", 0.5)]),
    "What one version answered": (
        ("job_id", "label"),
        [("job-1", "positive"), ("job-2", "positive")],
    ),
    "Which texts name this company": (("job_id", "span_text"), [("job-3", "Acme")]),
    "Which names have this in them": (("tenant", "name"), [("default", "Acme")]),
    "The most frequent names": (
        ("span_label", "span_text", "texts"),
        [("LOC", "北京 \U0001f600", 1), ("ORG", "Acme", 1)],
    ),
    "Answers by a value of your own metadata": (
        ("customer", "label", "answers"),
        [("acme", "positive", 1)],
    ),
    "Throughput by minute": (
        ("task", "answers"),
        [("sentiment", 4), ("summarization", 1), ("tagging", 1)],
    ),
    "Latency percentiles by task": (
        ("task", "answers"),
        [("sentiment", 4), ("summarization", 1), ("tagging", 1)],
    ),
    "Device time by model version": (
        ("model", "version", "answers", "compute_s"),
        [("mood", 1, 4, 1.5), ("mood", 2, 2, 0.5)],
    ),
    "Dead letters by reason": (
        ("topic", "reason", "letters"),
        [("textmill.jobs.sentiment", "conflict", 1), ("textmill.jobs.sentiment", "not_json", 1)],
    ),
    "The latest dead letters": (
        ("state", "reason", "job_id", "record_offset"),
        [("CONFLICT", "conflict", "job-1", 11), ("INVALID", "not_json", None, 12)],
    ),
    "Jobs without an answer": (
        ("tenant", "job_id", "task", "state"),
        [("default", "late", "sentiment", "EXPIRED")],
    ),
    "A bulk's progress": (
        ("task", "state", "records"),
        [("sentiment", "DONE", 1), ("sentiment", "EXPIRED", 1)],
    ),
    "Jobs that were sent more than once": (
        ("job_id", "duplicates", "conflicts"),
        [("job-1", 0, 1), ("job-2", 1, 0)],
    ),
    "What a re-run changed": (
        ("job_id", "label", "new_label", "version", "new_version", "applied"),
        [("job-1", "positive", "negative", 1, 2, 0)],
    ),
    "Who answers what by default": (("task", "lang", "version"), [("sentiment", "en", 2)]),
    "How far each partition is": (
        ("topic", "partition", "epoch", "next_offset", "beyond"),
        [("textmill.jobs.sentiment", 0, 1, 2, 4)],
    ),
    "How the canary's answers compare with the live version's": (
        ("arm", "model", "version", "jobs", "score"),
        [("live", "mood", 1, 2, 0.75), ("live", "mood", 2, 2, 0.5)],
    ),
    "Who changed which route, when and why": (
        ("actor", "action", "task", "from_version", "to_version"),
        [("ann", "activate", "sentiment", "mood@1", "mood@2")],
    ),
    "Which worker has which version in memory": (
        ("worker_id", "device", "model", "version", "state"),
        [("w1", "cpu", "mood", 1, "READY")],
    ),
    "Each job's answers of all runs": (
        ("job_id", "run", "label", "version"),
        [
            ("job-1", 0, "positive", 1),
            ("job-1", 1, "negative", 2),
            ("job-2", 0, "positive", 1),
            ("job-4", 0, "negative", 2),
        ],
    ),
    "Disagreements between versions": (
        ("job_id", "version", "label", "other_version", "other_label"),
        [("job-1", 1, "positive", 2, "negative")],
    ),
    "Names that occur together": (
        ("name", "other", "texts"),
        [("Acme", "北京 \U0001f600", 1)],
    ),
    "Sentiment by day": (("answers",), [(3,)]),
    "Label drift": (
        ("label", "today", "before"),
        [("negative", 1, 0), ("positive", 2, 0)],
    ),
    "Latency by hour": (
        ("task", "answers"),
        [("sentiment", 4), ("summarization", 1), ("tagging", 1)],
    ),
    "Texts per tenant": (
        ("tenant", "task", "answers"),
        [("default", "sentiment", 4), ("default", "summarization", 1), ("default", "tagging", 1)],
    ),
    "Failures by reason": (
        ("task", "state", "reason", "records"),
        [
            ("sentiment", "CONFLICT", "conflict", 1),
            ("sentiment", "DUPLICATE", "duplicate", 1),
            ("sentiment", "EXPIRED", "deadline", 1),
            ("sentiment", "INVALID", "not_json", 1),
        ],
    ),
    "Bulk jobs and how many rows they had": (
        ("name", "state", "rows", "documents", "bad"),
        [("june", "active", 7, 5, 1)],
    ),
    "Audit: no record ended twice": (("record_offset",), []),
}


def fill(world: World) -> None:
    """Two versions, three tasks, a re-run, a bulk, a duplicate, a conflict, dead letters."""
    second = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
    world.registry.route(Task.SENTIMENT, "en", second)
    changed = Prediction(tokens=7, label="negative", score=0.5)
    world.ledger.end([world.ending(12, raw=b"{", detail="not JSON")])
    world.record(
        world.answer(0, "job-1", metadata={"customer": "acme"}),
        world.answer(1, "job-2", bulk_id="reviews", lang="zh"),
    )
    SqlReruns(world.engine).enter("re-run", "again", world.version.version_id, second.version_id)
    of_rerun = world.answer(2, "job-1", run=1, said=changed, bulk_id="re-run")
    world.record(of_rerun, world.answer(5, "job-4", said=changed), version=second)
    world.record(world.answer(3, "job-1", said=SUMMARY, task=Task.SUMMARIZATION))
    world.record(world.answer(4, "job-3", said=TAGS, task=Task.TAGGING))
    world.record(world.answer(10, "job-2"), world.answer(11, "job-1", text="Another"))
    whose = {"tenant": "default", "job_id": "late", "bulk_id": "reviews"}
    world.ledger.end([world.ending(13, Terminal.EXPIRED, "deadline", **whose)])
    world.ledger.advance({world.p: (world.epoch, 2)})
    fill_bulk(SqlBulks(world.engine))
    fill_rollout(world)


def fill_rollout(world: World) -> None:
    """A worker that holds a version, and a change of the route."""
    now = datetime.now(UTC)
    held = {"model_version_id": world.version.version_id, "state": "READY", "reason": ""}
    beats = {"worker_id": "w1", "memory_bytes": 1, "heartbeat_at": now}
    by = {"actor": "ann", "action": "activate", "reason": "better", "evidence": {}}
    of = {"task": "sentiment", "lang": "en", "from_version": "mood@1", "to_version": "mood@2"}
    with world.engine.begin() as connection:
        known = {"device": "cpu", "serves": {}, "memory_limit": 0, "started_at": now}
        connection.execute(insert(worker).values(**beats, **known))
        connection.execute(insert(model_replica).values(**beats, **held, loaded_at=now))
        connection.execute(insert(deployment_event).values(at=now, **by, **of))


def fill_bulk(bulks: SqlBulks) -> None:
    """A job of two pieces, one row of which was none."""
    asked = Request(files=(File(path="/a", size=1, changed_at=1),), tasks=(Task.SENTIMENT,))
    bulk_id = bulks.begin("june", asked).bulk_id
    bad = BadRow(row=2, file="/a", line=2, reason="not_json", detail="no JSON")
    common = {"left_out": 1, "tokens": 10, "reused": {}}
    one = Chunk(number=0, rows=4, documents=3, bad=(bad,), **common)
    bulks.keep(bulk_id, one, {"text": "string"})
    bulks.keep(bulk_id, Chunk(number=1, rows=3, documents=2, bad=(), **common), {})


def run(world: World, name: str) -> list[dict[str, Any]]:
    """The rows of a query of the cookbook."""
    with world.engine.connect() as connection:
        return [
            dict(row)
            for row in connection.exec_driver_sql(
                QUERIES[name], execution_options={"no_parameters": True}
            ).mappings()
        ]


def test_every_query_is_checked() -> None:
    assert QUERIES.keys() == EXPECTED.keys()
    assert COOKBOOK.read_text(encoding="utf-8").count("```sql") == len(QUERIES)


def test_the_queries_return_what_they_should(world: World) -> None:
    fill(world)

    for name, (columns, rows) in EXPECTED.items():
        found = [tuple(row[column] for column in columns) for row in run(world, name)]
        assert found == rows, name


def test_an_empty_store_has_no_answers(world: World) -> None:
    for name in EXPECTED:
        assert run(world, name) == [] or name == "How far each partition is"


@pytest.mark.parametrize(
    "view", ["classification", "sentiment", "summarization", "tagging", "tag_span"]
)
def test_views_have_the_same_columns_on_both_databases(world: World, view: str) -> None:
    answer = {
        "classification": ["label", "score", "scores"],
        "sentiment": ["label", "score", "scores"],
        "summarization": ["summary", "score"],
        "tagging": ["spans", "score"],
        "tag_span": ["span_start", "span_end", "span_label", "span_text"],
    }[view]
    tail = ["created_at", "latency_ms", "metadata", "bulk_id", "run", "build"]
    tail = ["created_at", "bulk_id", "run", "build"] if view == "tag_span" else tail

    with world.engine.connect() as connection:
        columns = list(connection.exec_driver_sql(f"SELECT * FROM {view}").keys())

    assert columns == ["job_id", "tenant", "lang", *answer, "model", "version", *tail]
