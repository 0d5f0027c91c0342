"""Versions replaced under a stream of jobs, on the real services, with a worker killed meanwhile.

One story is told once and looked at from all sides: a second version is activated, a third becomes
a canary, is promoted and rolled back, and a fourth is activated while a worker that loads it dies.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.timeline import Formed, Timeline, changes, mixed, wrong
from schemas.task import Task
from tests.acceptance import verdicts
from tests.acceptance.conftest import STARTERS, Servers, announced, on_servers
from tests.acceptance.running import Installation
from tests.acceptance.versions import variant
from workers.desired import Event, RouteKey

pytestmark = pytest.mark.timeout(600)
TOPIC = "textmill.jobs.sentiment"
MODEL = "sentiment-en"
RATE = 40
SECONDS = 90
WEIGHT = 0.2
SETTINGS = {
    STARTERS: MODEL,
    "TEXTMILL_WORKER__HEARTBEAT_S": "0.5",
    "TEXTMILL_WORKER__GROUPS": f"hot={MODEL}",
    "TEXTMILL_DISPATCH__LEASE_S": "10",
}


class Story:
    """An installation that lives through it, and what was seen on the way."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.sent = 0
        self.killed = ""
        self.arms: dict[str, int] = {}

    def change(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command that changes a route; what became of it."""
        done = self.installation.run("models", *arguments, "--json", seconds=SECONDS)
        steps: list[dict[str, Any]] = json.loads(done.stdout)["steps"]
        assert [step["state"] for step in steps] == ["DONE"], steps
        return steps

    def answered_by(self, number: int, more: int = 20) -> None:
        """Wait until a version has answered so many more jobs."""
        count = "SELECT count(*) FROM sentiment WHERE version = :number"
        before = self.installation.one(count, number=number)
        self.installation.wait_for(
            f"answers of version {number}",
            lambda: self.installation.one(count, number=number) >= before + more,
            SECONDS,
        )

    def kill_whoever_loads(self, number: int) -> None:
        """SIGKILL to a worker that is loading a version; its id names its process."""
        query = (
            "SELECT worker_id FROM model_replica r JOIN model_version v "
            "ON v.id = r.model_version_id WHERE r.state = 'LOADING' AND v.version = :number"
        )
        found = self.installation.wait_for(
            "a load", lambda: self.installation.sql(query, number=number), SECONDS
        )
        self.killed = found[0].worker_id
        os.kill(int(self.killed.split("-")[-2]), signal.SIGKILL)

    @contextmanager
    def stream(self, broker: str) -> Iterator[None]:
        """Jobs at a steady rate, beside."""
        from kafka import KafkaProducer

        producer = KafkaProducer(bootstrap_servers=broker, acks="all")
        stop = threading.Event()

        def send() -> None:
            while not stop.wait(1 / RATE):
                job = {"job_id": f"job-{self.sent}", "text": f"a lovely day {self.sent}"}
                producer.send(TOPIC, json.dumps(job | {"lang": "en"}).encode())
                self.sent += 1

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            producer.close()


@pytest.fixture(scope="module")
def story(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Told to its end."""
    folder = tmp_path_factory.mktemp("hot")
    with on_servers(servers, folder) as installation:
        installation.settings.update(SETTINGS)
        story = Story(installation)
        started = [installation.start("work", "--group", "hot") for _ in range(2)]
        started.append(installation.start("dispatch"))
        register(installation, folder)
        installation.wait_for(
            "workers", lambda: len(announced(servers.redis.url)) == 2, 2 * SECONDS
        )
        with story.stream(servers.kafka.url):
            tell(story)
        installation.wait_until_settled(story.sent, SECONDS)
        yield story
        for one in started:
            assert "/workers/" not in one.said, f"a traceback through Textmill:\n{one.said}"


def register(installation: Installation, folder: Path) -> None:
    """Enter the second to the fourth version, once the first is there."""
    query = "SELECT 1 FROM route WHERE task = 'sentiment' AND lang = 'en'"
    installation.wait_for("the starters", lambda: installation.sql(query), SECONDS)
    for number in (2, 3, 4):
        installation.run("models", "register", str(variant(MODEL, folder / f"v{number}")))


def tell(story: Story) -> None:
    """Everything that happens, in order."""
    story.answered_by(1)
    story.change("activate", f"{MODEL}@2")
    story.answered_by(2)
    story.change("canary", f"{MODEL}@3", "--weight", str(WEIGHT))
    story.answered_by(3)
    time.sleep(5)
    story.change("promote", f"{MODEL}@3")
    story.answered_by(3)
    story.change("rollback", MODEL)
    story.answered_by(2)
    killer = threading.Thread(target=story.kill_whoever_loads, args=(4,))
    killer.start()
    story.change("activate", f"{MODEL}@4")
    killer.join()
    story.answered_by(4)


def formed(story: Story) -> list[Formed]:
    """Every row with its arm, version and batch."""
    rows = story.installation.sql(
        "SELECT r.formed_at, r.arm, v.model || '@' || v.version AS version, r.batch_id "
        "FROM result r JOIN model_version v ON v.id = r.model_version_id"
    )
    return [Formed(row[0].timestamp(), *row[1:]) for row in rows]


def history(story: Story) -> list[Event]:
    """What happened to the route, oldest first, as the command tells it."""
    said = story.installation.run("models", "history", MODEL, "--json").stdout
    rows = [row for row in json.loads(said) if row["task"] == "sentiment"]
    return [
        msgspec.convert(
            {
                **row,
                "at": datetime.fromisoformat(row["at"]).timestamp(),
                "key": RouteKey(Task.SENTIMENT, "en"),
                "from_version": row["from"],
                "to_version": row["to"],
            },
            Event,
        )
        for row in reversed(rows)
    ]


def test_no_job_is_lost_and_none_is_doubled(story: Story) -> None:
    found = story.installation.sql("SELECT job_id FROM result")
    assert sorted(row.job_id for row in found) == sorted(f"job-{n}" for n in range(story.sent))
    assert story.installation.one("SELECT count(*) FROM ending") == 0
    verdicts.each_record_has_one_end(story.installation)


def test_every_row_names_what_was_live_when_its_batch_was_formed(story: Story) -> None:
    rows = formed(story)
    assert {row.version for row in rows} == {f"{MODEL}@{number}" for number in (1, 2, 3, 4)}
    assert wrong(rows, Timeline(changes(history(story)))) == []


def test_no_batch_mixes_versions(story: Story) -> None:
    assert mixed(formed(story)) == 0


def test_the_canary_had_its_share_and_says_so(story: Story) -> None:
    (began,) = [e.at for e in history(story) if e.action == "canary" and "deployment" in e.evidence]
    (ended,) = [
        e.at for e in history(story) if e.action == "promote" and "deployment" in e.evidence
    ]
    during = [row.arm for row in formed(story) if began + 2 < row.at < ended]
    assert len(during) > 100
    assert 0.05 < during.count("canary") / len(during) < 0.4


def test_the_killed_worker_is_told_and_replaced(story: Story) -> None:
    rows = story.installation.sql("SELECT DISTINCT worker_id FROM result")
    assert story.killed in {row.worker_id for row in rows}
    said = story.installation.run("models", "show", f"{MODEL}@4", "--json").stdout
    (shown,) = json.loads(said)["versions"]
    assert [one["arm"] for one in shown["routes"]] == ["live"]
    ready = {one["worker"] for one in shown["replicas"] if one["state"] == "READY"}
    assert ready - {story.killed}


def test_one_that_cannot_be_loaded_leaves_the_live_one(story: Story, tmp_path: Path) -> None:
    installation = story.installation
    broken = variant(MODEL, tmp_path / "broken")
    installation.run("models", "register", str(broken))
    (broken / "model.keras").write_bytes(b"no network")
    done = installation.run("models", "activate", f"{MODEL}@5", ok=False, seconds=SECONDS)
    assert done.returncode == 1
    assert "not there" in done.stderr
    assert "model.keras" in done.stderr
    query = "SELECT v.version FROM route r JOIN model_version v ON v.id = r.model_version_id "
    assert installation.one(f"{query} WHERE r.task = 'sentiment' AND r.lang = 'en'") == 4


def test_one_that_lacks_labels_is_refused_unless_forced(story: Story, tmp_path: Path) -> None:
    installation = story.installation
    fewer = variant("sentiment-zh", tmp_path / "fewer", name=MODEL, languages=("en",))
    refused = installation.run("models", "register", str(fewer), ok=False, seconds=SECONDS)
    assert refused.returncode == 1
    assert "it lacks labels of the live version for sentiment: neutral" in refused.stderr
    installation.run("models", "register", str(fewer), "--force")
    done = installation.run("models", "activate", f"{MODEL}@6", ok=False, seconds=SECONDS)
    assert done.returncode == 2
    assert "lacks the labels neutral" in done.stderr
    assert "--force" in done.stderr
