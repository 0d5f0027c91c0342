"""Ten thousand real texts, while processes are killed: every job one row, every label right.

The texts come from public corpora in both languages, from two characters to fifty-nine thousand,
some under both tasks, some sent twice, some without a language. In the middle of it

    embedded    `textmill serve` is killed with SIGKILL and started again
    real        the process that computes is killed with SIGKILL, then one of two dispatchers

and at the end nothing may be missing, doubled, or answered otherwise than if its text had been
alone.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import corpora, verdicts
from tests.acceptance.conftest import LABELLERS, STARTERS, Servers, ready_workers
from tests.acceptance.corpora import Asked
from tests.acceptance.running import Installation, environment, write_lines

COMPUTES = "workers.worker_process"
PLAIN_CLIENT = Path(__file__).with_name("plain_client.py")
SECONDS = 240


@pytest.fixture(scope="module")
def records() -> list[Asked]:
    """What is published."""
    corpora.require()
    return corpora.ten_thousand()


@pytest.fixture(scope="module")
def alone() -> dict[verdicts.Question, Any]:
    """Answers to single texts, asked for once and used by both cases."""
    return {}


@pytest.mark.timeout(480)
def test_embedded(
    embedded: Installation, records: list[Asked], alone: dict[verdicts.Question, Any]
) -> None:
    embedded.settings[STARTERS] = LABELLERS
    publish_by_command(embedded, records)
    first = embedded.start("serve")
    embedded.wait_for("rows", lambda: embedded.settled() > 2000, SECONDS)
    first.kill()
    before = embedded.settled()
    assert before < len(records), "it was killed too late"
    embedded.started.remove(first)

    embedded.start("serve")
    embedded.wait_until_settled(len(records), SECONDS)

    assert {epoch for (epoch,) in embedded.sql("SELECT epoch FROM partition_claim")} == {2}
    done = wait_for_watermarks(embedded, len(records))
    assert sum(done.values()) == len(records)
    judge(embedded, records, alone)


@pytest.mark.timeout(480)
def test_on_real_services(
    real: Installation,
    servers: Servers,
    records: list[Asked],
    alone: dict[verdicts.Question, Any],
) -> None:
    real.settings[STARTERS] = LABELLERS
    workers = [real.start("work", "--device", "cpu") for _ in range(2)]
    dispatchers = [real.start("dispatch") for _ in range(2)]
    real.wait_for("workers", lambda: ready_workers(servers.redis.url) == 2, SECONDS)
    real.wait_for("dispatchers", lambda: len(owners(real)) == 2, 60)
    publish_by_plain_client(real, servers.kafka.url, records)

    real.wait_for("rows", lambda: real.settled() > 1000, SECONDS)
    (computing,) = workers[0].children_running(COMPUTES)
    computing.signal(signal.SIGSTOP)  # its batches wait, while the other one goes on
    sure = real.settled() + 500
    real.wait_for("rows", lambda: real.settled() > sure, SECONDS)
    computing.signal(signal.SIGKILL)
    real.wait_for("rows", lambda: real.settled() > 3000, SECONDS)
    dispatchers[0].kill()
    assert real.settled() < len(records), "it was killed too late"
    real.started.remove(dispatchers[0])
    real.start("dispatch")
    real.wait_until_settled(len(records), SECONDS)

    assert "was killed by SIGKILL" in workers[0].said
    assert not computing.alive()
    assert workers[0].children_running(COMPUTES), "the killed worker was not started again"
    assert real.one("SELECT count(*) FROM result WHERE attempt > 1") > 0, "nothing was sent again"
    assert real.one("SELECT max(epoch) FROM partition_claim") > 1, "no partition changed hands"
    done = wait_for_watermarks(real, len(records))
    assert done == verdicts.ends_of_log(servers.kafka.url)
    group = real.settings["TEXTMILL_KAFKA__GROUP_ID"]
    committed = verdicts.committed_offsets(servers.kafka.url, group)
    assert committed, "nothing was committed to Kafka"
    assert all(offset <= done[place] for place, offset in committed.items())
    judge(real, records, alone)


def judge(
    installation: Installation, records: list[Asked], alone: dict[verdicts.Question, Any]
) -> None:
    """All that must be true of both."""
    verdicts.rows_are_exactly(installation, records)
    verdicts.endings_are_only(installation, "DUPLICATE", repeated(records))
    verdicts.each_record_has_one_end(installation)
    verdicts.versions_are_the_routed_ones(installation, records)
    verdicts.metadata_is_kept(installation, records)
    begin = time.monotonic()
    compared = verdicts.labels_are_those_given_alone(installation, records, alone)
    print(f"\n{compared}, compared in {time.monotonic() - begin:.0f} s")


def repeated(records: Sequence[Asked]) -> list[tuple[str, str, str]]:
    """The jobs that were sent more than once, as often as they were sent again."""
    times = Counter(one.key for one in records)
    return [key for key, sent in times.items() for _ in range(sent - 1)]


def owners(installation: Installation) -> set[str]:
    """The dispatchers that have claimed partitions."""
    return {owner for (owner,) in installation.sql("SELECT owner FROM partition_claim")}


def wait_for_watermarks(installation: Installation, records: int) -> dict[tuple[str, int], int]:
    """The watermarks, once they have come to the end."""
    installation.wait_for(
        "watermarks", lambda: sum(verdicts.watermarks(installation).values()) == records, 30
    )
    time.sleep(2 * 0.5)  # Kafka is told last
    return verdicts.watermarks(installation)


def publish_by_plain_client(
    installation: Installation, broker: str, records: Sequence[Asked]
) -> None:
    """Send everything with a program that does not import this project."""
    lines = [json.dumps({"topic": one.topic, "job": one.job}) for one in records]
    file = write_lines(installation.directory / "records.jsonl", lines)
    done = subprocess.run(
        [sys.executable, str(PLAIN_CLIENT), broker, str(file)],
        capture_output=True,
        text=True,
        cwd=installation.directory,
        env=environment({}),
        timeout=120,
    )
    assert done.stdout == f"sent {len(records)}\n", done.stderr


def publish_by_command(installation: Installation, records: Sequence[Asked]) -> None:
    """Send everything with `textmill publish`."""
    for topic in sorted({one.topic for one in records}):
        chosen = [one for one in records if one.topic == topic]
        lines = [json.dumps(one.job, ensure_ascii=False) for one in chosen]
        file = write_lines(installation.directory / f"{topic}.jsonl", lines)
        bulk = ["--bulk"] if chosen[0].bulk else []
        installation.run("publish", "--task", chosen[0].task, *bulk, str(file))
