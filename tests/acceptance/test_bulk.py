"""A bulk job of twenty thousand rows, while whoever works on it is killed: each row once, joined.
A later job of the same texts has the answers of the first.

The submitter, the process that computes and the dispatcher each die of SIGKILL in mid job. The
model labels a text by its checksum, so that an answer joined to another row would show.
"""

import json
import signal
import time
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.conftest import Servers, announced
from tests.acceptance.running import Installation, Running
from tests.acceptance.test_ten_thousand import COMPUTES, SECONDS
from workers.null_model import LABELS

ROWS = 20_000
SUBMIT = ("bulk", "submit", "in.parquet", "--task", "sentiment")
FAST, SLOW = "null:2,20", "null:2,400"
"""2 ms an array and 20 or 400 µs a token: some thousand texts a second, or hundred and fifty."""
STILL_S = 5
"""Longer than any batch takes; all rows would take two minutes."""


def write_input(path: Path) -> None:
    texts = [f"text number {n} of many" for n in range(ROWS)]
    pq.write_table(pa.table({"key": [f"k{n}" for n in range(ROWS)], "text": texts}), path)


def label_of(text: str) -> str:
    return LABELS[zlib.crc32(text.encode()) % len(LABELS)]


def answered(real: Installation, name: str) -> int:
    """Rows of a job that have an answer."""
    count = "SELECT count(*) FROM result JOIN bulk USING (bulk_id) WHERE name = :name"
    return int(real.one(count, name=name))


def at_rest(real: Installation, name: str) -> int:
    """Answers of a job once the batches that were with the worker are done."""
    seen, since = answered(real, name), time.monotonic()
    deadline = since + SECONDS
    while time.monotonic() - since < STILL_S:
        assert time.monotonic() < deadline, f"rows still come, {seen} by now"
        time.sleep(0.1)
        now = answered(real, name)
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


def status(real: Installation, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(real.run("bulk", "status", name, "--json").stdout)
    return found


def crew(real: Installation, servers: Servers, device: str) -> tuple[Running, Running]:
    """A worker and a dispatcher, and the input beside them."""
    write_input(real.directory / "in.parquet")
    worker = real.start("work", "--device", "cpu", "--model", device)
    dispatcher = real.start("dispatch")
    real.wait_for("a worker", lambda: announced(servers.redis.url), SECONDS)
    return worker, dispatcher


@pytest.mark.timeout(480)
def test_each_row_once_whoever_dies(real: Installation, servers: Servers) -> None:
    worker, dispatcher = crew(real, servers, FAST)
    submitter = real.start(*SUBMIT, "--name", "big")
    real.wait_for("a piece", lambda: real.one("SELECT count(*) FROM bulk_chunk"), SECONDS)
    submitter.kill()
    assert real.one("SELECT count(*) FROM bulk WHERE submitted_at IS NULL"), "killed too late"
    real.wait_for("rows", lambda: answered(real, "big") > 500, SECONDS)
    (computing,) = worker.children_running(COMPUTES)
    computing.signal(signal.SIGKILL)
    real.wait_for("rows", lambda: answered(real, "big") > 1000, SECONDS)
    dispatcher.kill()
    real.start("dispatch")
    again = real.run(*SUBMIT, "--name", "big", seconds=SECONDS)
    real.run("bulk", "watch", "big", seconds=SECONDS)

    assert "big goes on after" in again.stderr
    assert f"{ROWS} rows" in again.stdout
    now = status(real, "big")
    assert (now["state"], now["done"], now["failed"], now["queued"]) == ("done", ROWS, 0, 0)
    assert now["running"] == 0
    assert real.one("SELECT count(*) FROM result") == ROWS
    assert not real.sql("SELECT 1 FROM ending WHERE state <> 'DUPLICATE'")
    check_export(real)


def check_export(real: Installation) -> None:
    """Every row in its place, with the answer to its own text."""
    assert real.run("bulk", "export", "big", "--output", "out.jsonl").stdout.startswith(f"{ROWS} r")
    with (real.directory / "out.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
    assert [row["key"] for row in rows] == [f"k{n}" for n in range(ROWS)]
    assert all(row["sentiment"]["label"] == label_of(row["text"]) for row in rows)
    real.run("bulk", "export", "big", "--output", "out.parquet")
    table = pq.read_table(real.directory / "out.parquet")
    assert table.column("key").to_pylist() == [row["key"] for row in rows]
    labels = table.column("sentiment_label").to_pylist()
    assert labels == [row["sentiment"]["label"] for row in rows]


@pytest.mark.timeout(480)
def test_a_later_job_computes_what_is_new(real: Installation, servers: Servers) -> None:
    """Its submitter dies in mid job; a tenth of its texts are new, and others come twice."""
    crew(real, servers, FAST)
    real.run(*SUBMIT, "--name", "may", "--reuse", "all", seconds=SECONDS)
    real.run("bulk", "watch", "may", seconds=SECONDS)
    new = [f"text number {n} of many" for n in range(ROWS // 10, ROWS + ROWS // 10)]
    texts = [*new[::-1], *new[:100]]
    keys = [f"k{n}" for n in range(len(texts))]
    pq.write_table(pa.table({"key": keys, "text": texts}), real.directory / "in-june.parquet")
    ask = ("bulk", "submit", "in-june.parquet", "--task", "sentiment", "--reuse", "all")
    submitter = real.start(*ask, "--name", "big")
    real.wait_for("a piece", lambda: real.one("SELECT max(number) FROM bulk_chunk"), SECONDS)
    submitter.kill()
    said = real.run(*ask, "--name", "big", seconds=SECONDS).stdout
    assert f"{ROWS // 10} documents" in said or "submitted already" in said
    real.run("bulk", "watch", "big", seconds=SECONDS)

    now = status(real, "big")
    assert (now["state"], now["rows"], now["done"]) == ("done", ROWS + 100, ROWS // 10)
    assert (now["reused"], now["reused_earlier"]) == (100, ROWS - ROWS // 10)
    assert real.one("SELECT count(*) FROM result") == ROWS + ROWS // 10
    assert real.run("bulk", "export", "big", "--output", "june.jsonl").stdout[:5] == f"{ROWS + 100}"
    with (real.directory / "june.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
    assert [(row["key"], row["text"]) for row in rows] == [*zip(keys, texts, strict=True)]
    assert all(row["sentiment"]["label"] == label_of(row["text"]) for row in rows)


@pytest.mark.timeout(480)
def test_pause_resume_and_cancel_act_at_once(real: Installation, servers: Servers) -> None:
    crew(real, servers, SLOW)
    real.run(*SUBMIT, "--name", "slow", seconds=SECONDS)
    real.wait_for("rows", lambda: answered(real, "slow") > 500, SECONDS)
    real.wait_for("running documents", lambda: status(real, "slow")["running"], 30)
    real.run("bulk", "pause", "slow")
    before = at_rest(real, "slow")
    assert before < ROWS, "it was not paused"
    now = status(real, "slow")
    assert (now["state"], now["running"], now["queued"]) == ("paused", 0, ROWS - before)
    assert "goes on" in real.run("bulk", "resume", "slow").stdout
    real.wait_for("more rows", lambda: answered(real, "slow") > before, 30)
    real.run("bulk", "cancel", "slow")

    def ended() -> bool:
        return real.settled() >= ROWS

    real.wait_for("the end of all records", ended, 60)
    now = status(real, "slow")
    assert now["state"] == "cancelled"
    assert (now["queued"], now["running"]) == (0, 0)
    cancelled = real.one("SELECT count(*) FROM ending WHERE state = 'CANCELLED'")
    assert cancelled == now["cancelled"] > 0
    assert now["done"] == ROWS - cancelled
