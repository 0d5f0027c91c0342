"""`textmill results` and `bulk` in this process, over an embedded store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from schemas.errors import UsageError
from schemas.task import Task
from tests.contracts.store_world import TAGS, World
from workers.bulks import desk
from workers.bulks.status import Status
from workers.cli import app
from workers.cli.bulk_screen import duration, line_of
from workers.sql.engine import open_engine
from workers.sql.upgrade import upgrade


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Five answers, one of them tags."""
    monkeypatch.setenv("TEXTMILL_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/textmill.sqlite3"
    upgrade(url)
    world = World(open_engine(url))
    for n in range(4):
        world.record(world.answer(n))
    world.record(world.answer(4, said=TAGS, task=Task.TAGGING))
    yield world
    world.engine.dispose()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def rows(said: Result) -> list[dict[str, Any]]:
    assert said.exit_code == 0, said.output
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_pages_follow_one_another(world: World) -> None:
    ask = ("results", "list", "--task", "sentiment", "--format", "jsonl", "--limit", "3")
    first = run(*ask)
    assert [row["job_id"] for row in rows(first)] == ["job-3", "job-2", "job-1"]
    assert "3 rows; `--limit` shows more, `--after " in first.stderr
    place = first.stderr.split("`--after ")[1].split("`")[0]

    world.record(world.answer(9))
    second = run(*ask, "--after", place)
    assert [row["job_id"] for row in rows(second)] == ["job-0"]
    assert second.stderr == ""


def test_counts_and_filters(world: World) -> None:
    assert run("results", "count").stdout == "5\n"
    assert run("results", "count", "--task", "sentiment", "--min-score", "0.8").stdout == "0\n"
    assert run("results", "count", "--entity", "Acme").stdout == "1\n"
    assert run("results", "count", "--until", "1d").stdout == "0\n"


def test_a_part_of_a_name(world: World, tmp_path: Path) -> None:
    listed = ("results", "list", "--task", "tagging", "--format", "jsonl")
    assert [row["job_id"] for row in rows(run(*listed, "--entity-like", "CM"))] == ["job-4"]
    assert rows(run(*listed, "--entity-like", "A%e")) == []
    assert run("results", "count", "--entity-like", "北").stdout == "1\n"
    assert run("results", "count", "--entity-like", "acme", "--tenant", "other").stdout == "0\n"
    out = tmp_path / "out.csv"
    asked = ("results", "export", "--task", "tagging", "--output", str(out))
    assert run(*asked, "--entity-like", "acm").stdout == f"1 answers in {out}.\n"
    refused = run(*listed, "--entity-like", " ")
    assert isinstance(refused.exception, UsageError)
    assert "--entity-like is empty: write some characters" in str(refused.exception)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_an_export(world: World, tmp_path: Path, suffix: str) -> None:
    import pyarrow.parquet as pq

    out = tmp_path / f"out.{suffix}"
    said = run("results", "export", "--task", "tagging", "--output", str(out))

    assert said.stdout == f"1 answers in {out}.\n"
    assert b"Acme" in out.read_bytes() or suffix == "parquet"
    if suffix == "parquet":
        assert pq.read_table(out).to_pylist()[0]["spans"][0]["text"] == "Acme"
    again = run("results", "export", "--task", "tagging", "--output", str(out))
    assert isinstance(again.exception, UsageError)


def test_an_interrupted_submission_says_how_to_go_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text("text\n")
    monkeypatch.setattr(desk, "hand_in", interrupted)
    said = run("bulk", "submit", "a.txt", "--task", "sentiment")

    assert said.exit_code == 130
    assert "The same command goes on; nothing is answered twice." in said.stderr


def test_submitting_and_looking(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\none\n")
    ask = ("bulk", "submit", "a.txt", "--task", "sentiment", "--name", "june")
    assert json.loads(run(*ask, "--dry-run", "--json").stdout)["documents"] == 2
    assert "3 rows, 2 documents, 1 repeat an earlier text." in run(*ask).stdout
    assert "submitted already" in run(*ask).stdout

    assert "paused" in run("bulk", "pause", "june").stdout
    now = json.loads(run("bulk", "status", "june", "--json").stdout)
    assert (now["state"], now["queued"], now["running"]) == ("paused", 2, 0)
    assert json.loads(run("bulk", "list", "--json").stdout)[0]["name"] == "june"
    run("bulk", "cancel", "june")
    assert isinstance(run("bulk", "resume", "june").exception, UsageError)
    assert run("bulk", "errors", "june").stdout == ""
    run("bulk", "export", "june", "--output", "out.csv")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


def test_what_earlier_jobs_answered_is_said(world: World, tmp_path: Path) -> None:
    """All that is asked is answered by `world`, whose version is live."""
    for lang in ("zh", "en"):
        world.registry.route(Task.SENTIMENT, lang, world.version)
    ask = ("bulk", "submit", "a.txt", "--task", "sentiment", "--reuse", "all")
    (tmp_path / "a.txt").write_text("one\ntwo\none\n")
    said = json.loads(run(*ask, "--name", "may", "--json").stdout)
    ids = [f"{said['bulk_id']}-{row:010}" for row in (1, 2)]
    world.record(*(world.answer(n, one, bulk_id=said["bulk_id"]) for n, one in enumerate(ids, 9)))

    (tmp_path / "a.txt").write_text("three\none\nthree\ntwo\n")
    forecast = json.loads(run(*ask, "--dry-run", "--json").stdout)
    assert (forecast["reused"], forecast["reused_earlier"], forecast["documents"]) == (1, 2, 1)
    said = run(*ask, "--name", "june").stdout
    assert "4 rows, 1 documents, 1 repeat an earlier text, 2 have an earlier job's answer." in said
    now = json.loads(run("bulk", "status", "june", "--json").stdout)
    assert (now["reused"], now["reused_earlier"], now["documents"]) == (1, 2, 1)
    assert "reused_earlier: 2\n" in run("bulk", "status", "june").stdout
    assert isinstance(run(*ask[:-1], "some").exception, UsageError)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "unknown time"), (4.4, "4 s"), (90, "2 min"), (9000, "2.5 h")],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_line(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    run("bulk", "submit", "a.txt", "--task", "sentiment", "--name", "june")
    fields = json.loads(run("bulk", "status", "june", "--json").stdout)
    states = {"done": 1, "queued": 0, "running": 1}
    line = line_of(Status(**{**fields, **states, "eta_s": 12.0, "per_s": 3.2}))

    assert line == f"june running [{'#' * 15}{'.' * 15}] 1/2, 3/s, 12 s left, 1 running"

    each = {"queued": 0, "running": 0, "done": 2, "failed": 0, "cancelled": 0}
    tasks = {"sentiment": each, "tagging": {**each, "done": 0, "queued": 1, "running": 1}}
    states = {"done": 2, "queued": 1, "running": 1, "tasks": tasks, "eta_s": None}
    line = line_of(Status(**{**fields, **states}))
    assert line.endswith("1 queued, 1 running, sentiment 2, tagging 0 (1 queued, 1 running)")
