"""The commands in a row, as a newcomer types them: publish, serve, look, and stop under load."""

import csv
import io
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import verdicts
from tests.acceptance.conftest import LABELLERS, STARTERS
from tests.acceptance.running import Installation, Running, write_lines

REPOSITORY = Path(__file__).resolve().parents[2]
JOBS = 4000
DRAIN_S = 30
SECONDS = 120

REVIEWS = [
    {"job_id": "review-1", "text": "房间很干净，服务也好，下次还来。", "metadata": {"stars": 5}},
    {"job_id": "review-2", "text": "What a terrible, boring film, I want my money back."},
    {"job_id": "review-3", "text": "质量太差了，用了两天就坏了，非常失望。", "lang": "zh"},
    {"text": "Thank you so much, this is wonderful!"},
]


def test_publish_serve_look(embedded: Installation) -> None:
    """JSON lines, plain lines and standard input go in; table, JSON lines and CSV come out."""
    embedded.settings[STARTERS] = LABELLERS
    lines = [json.dumps(one, ensure_ascii=False) for one in REVIEWS]
    file = write_lines(embedded.directory / "reviews.jsonl", lines)
    said = embedded.run("publish", "--task", "sentiment", str(file)).stdout
    assert "4 jobs to textmill.jobs.sentiment" in said
    plain = write_lines(embedded.directory / "plain.txt", ["set an alarm for seven", "", "再见"])
    embedded.run("publish", "--metadata", "from=plain", str(plain))
    embedded.run("publish", "--task", "sentiment", "--bulk", "-", given="What a lovely day\n")

    serving = embedded.start("serve")
    embedded.wait_until_settled(7, SECONDS)

    found = json_lines(embedded, "get", "review-1")
    assert [(one["task"], one["lang"], one["metadata"]) for one in found] == [
        ("sentiment", "zh", {"stars": 5})
    ]
    assert found[0]["label"] == "positive"
    listed = json_lines(embedded, "list", "--task", "sentiment", "--format", "jsonl")
    assert {one["job_id"] for one in listed} >= {"review-1", "review-2", "review-3"}
    assert len(listed) == 5
    assert [one["created_at"] for one in listed] == sorted(
        (one["created_at"] for one in listed), reverse=True
    )
    negative = json_lines(
        embedded,
        *("list", "--task", "sentiment", "--since", "1h", "--format", "jsonl"),
        *("--label", "negative", "--lang", "zh"),
    )
    assert [one["job_id"] for one in negative] == ["review-3"]
    as_csv = embedded.run("results", "list", "--task", "classification", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert {row["label"] for row in rows} >= {"alarm"}
    assert {row["metadata"] for row in rows} == {'{"from":"plain"}'}
    table = embedded.run("results", "list", "--task", "sentiment", "--limit", "2").stdout
    assert "sentiment-" in table
    assert len(table.splitlines()) == 2 + 4, "two rows between a head and a frame"
    assert json_lines(embedded, "list", "--task", "tagging", "--format", "jsonl") == []

    again = embedded.run("publish", "--task", "sentiment", str(file))
    assert again.returncode == 0
    embedded.wait_until_settled(11, SECONDS)
    assert embedded.one("SELECT count(*) FROM ending WHERE state = 'DUPLICATE'") == 4
    assert embedded.one("SELECT count(*) FROM sentiment") == 5
    stops_well(serving)


def json_lines(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    """What `textmill results ...` printed."""
    said = installation.run("results", *arguments).stdout
    return [json.loads(line) for line in said.splitlines()]


def test_models_list(embedded: Installation) -> None:
    models = json.loads(embedded.run("models", "list", "--json").stdout)
    answers = sorted(answer for model in models for answer in model["default_for"])
    tasks = ("classification", "sentiment", "summarization", "tagging")
    assert answers == [f"{task}/{language}" for task in tasks for language in ("en", "zh")]
    assert all(len(model["digest"]) == 64 and Path(model["path"]).is_dir() for model in models)
    table = embedded.run("models", "list").stdout
    assert all(f"{model['model']}@{model['version']}" in table for model in models)


def test_schema_is_the_shipped_one(embedded: Installation) -> None:
    for name in ("job", "result"):
        shipped = (REPOSITORY / "schemas" / f"{name}-v1.schema.json").read_text(encoding="utf-8")
        assert embedded.run("schema", name).stdout == shipped
    assert embedded.run("schema").stdout == embedded.run("schema", "job").stdout


def test_sigterm_under_load_loses_nothing(installation: Installation) -> None:
    """What is in hand is finished, what is not stays in the log, a new start finishes the rest."""
    installation.settings[STARTERS] = "intent-en"
    texts = [f"please book me table number {n} for {n % 12} o'clock" for n in range(JOBS)]
    file = write_lines(installation.directory / "texts.txt", texts)
    installation.run("publish", str(file))
    serving = installation.start("serve")
    installation.wait_for("rows", lambda: installation.settled() > JOBS // 20, SECONDS)

    took = stops_well(serving)
    finished = installation.settled()
    assert finished < JOBS, "it was told to stop too late"
    verdicts.nothing_is_skipped(installation)
    print(f"\nstopped after {finished} of {JOBS} in {took:.1f} s")

    serving = installation.start("serve")
    installation.wait_until_settled(JOBS, SECONDS)
    assert installation.one("SELECT count(*) FROM classification") == JOBS
    assert installation.one("SELECT count(*) FROM ending") == 0
    stops_well(serving)


def stops_well(running: Running) -> float:
    """SIGTERM ends it and all its children, in time and with 0; the seconds it took."""
    begin = time.monotonic()
    running.signal(signal.SIGTERM)
    assert running.wait(DRAIN_S) == 0, running.said
    assert running.family() == []
    assert "Traceback" not in running.said, running.said
    return time.monotonic() - begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_while_models_are_loaded(embedded: Installation, number: signal.Signals) -> None:
    """Nobody waits for a start that is not wanted any more."""
    serving = embedded.start("serve")
    embedded.wait_for("start", lambda: embedded.one("SELECT count(*) FROM route"), SECONDS)
    serving.signal(number)
    assert serving.wait(DRAIN_S) in (0, 130)
    assert "Traceback" not in serving.said
