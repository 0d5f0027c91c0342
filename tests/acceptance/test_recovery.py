"""Services that vanish in the middle, and a worker that freezes: every job still has one row.

One installation on the real services lives through all faults in turn, as a long-running one would:
two workers, one dispatcher, short leases. Each test publishes jobs, breaks something while they are
on their way, proves that it was broken, and waits until every job has its row.
"""

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from deploy.services import Service
from deploy.services.process import Process
from tests.acceptance import verdicts
from tests.acceptance.conftest import STARTERS, Servers, announced, on_servers
from tests.acceptance.running import Installation, Running, tail

COMPUTES = "workers.worker_process"
TOPIC = "textmill.jobs.classification"
SETTINGS = {
    STARTERS: "intent-en",
    "TEXTMILL_WORKER__HEARTBEAT_S": "0.3",
    "TEXTMILL_DISPATCH__LEASE_S": "5",
    "TEXTMILL_DISPATCH__MAX_BATCH": "16",
}
JOBS = 4000
SECONDS = 60
LEASE_S = 5.0

_numbers = count(1)


@pytest.fixture(scope="module")
def living(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, Sequence[Running]]]:
    """Two workers and a dispatcher, which no test may restart."""
    with on_servers(servers, tmp_path_factory.mktemp("recovery")) as installation:
        installation.settings.update(SETTINGS)
        running = [installation.start("work") for _ in range(2)]
        running.append(installation.start("dispatch"))
        installation.wait_for(
            "workers", lambda: len(announced(servers.redis.url)) == 2, 2 * SECONDS
        )
        installation.wait_for(
            "claims", lambda: len(installation.sql("SELECT 1 FROM partition_claim")) == 32, SECONDS
        )
        yield installation, running
        verdicts.each_record_has_one_end(installation)
        for one in running:
            assert "/workers/" not in one.said, f"a traceback through Textmill:\n{one.said}"


@pytest.fixture
def installation(living: tuple[Installation, Sequence[Running]], servers: Servers) -> Installation:
    """The installation, its servers all there."""
    servers.revive()
    return living[0]


@pytest.fixture
def computing(living: tuple[Installation, Sequence[Running]]) -> list[Process]:
    """The two processes that hold the models."""
    return [one.children_running(COMPUTES)[0] for one in living[1][:2]]


@pytest.fixture
def published(installation: Installation, servers: Servers) -> Iterator[str]:
    """Jobs on their way, some of them answered; in the end each has one row, whatever happened.

    The value begins the ids of these jobs.
    """
    name = f"fault-{next(_numbers)}-"
    publish(servers.kafka.url, name)
    installation.wait_for("rows", lambda: rows(installation, name) > JOBS // 30, SECONDS)
    yield name
    installation.wait_for("all rows", lambda: rows(installation, name) >= JOBS, SECONDS)
    assert rows(installation, name) == JOBS
    assert installation.one("SELECT count(*) FROM ending") == 0
    watermark_is_at_the_end(installation, servers)


def test_redis_forgets_everything(
    installation: Installation, servers: Servers, computing: list[Process], published: str
) -> None:
    """Batches that wait in Redis are lost with it; the dispatcher sends them again."""
    import redis

    with (
        redis.Redis.from_url(servers.redis.url) as client,
        frozen_while_batches_wait(computing, client),
    ):
        client.flushall()
        assert rows(installation, published) < JOBS
    installation.wait_for("a second try", lambda: sent_again(installation, published), SECONDS)


@pytest.mark.parametrize("name", ["redis", "postgres", "kafka"])
def test_a_service_is_killed_and_comes_back(
    installation: Installation, servers: Servers, published: str, name: str
) -> None:
    service: Service = getattr(servers, name)
    before = service.process
    service.kill()
    time.sleep(2)
    service.start()
    assert service.process != before
    assert rows(installation, published) < JOBS or name == "kafka", "it was killed too late"


def test_a_frozen_worker_comes_back_late(
    living: tuple[Installation, Sequence[Running]], computing: list[Process], published: str
) -> None:
    """Its batches are done by the other one; what it does when it thaws changes nothing."""
    installation, running = living
    supervisor = running[0].process
    assert supervisor is not None
    with frozen([supervisor]):  # as when a whole machine stands still
        with frozen(computing[:1]):
            begin = time.monotonic()
            installation.wait_for("all", lambda: rows(installation, published) >= JOBS, SECONDS)
            assert sent_again(installation, published) > 0, "it had nothing in hand"
            time.sleep(max(0.0, LEASE_S + 1 - (time.monotonic() - begin)))
            kept = snapshot(installation, published)
        time.sleep(2)
        assert snapshot(installation, published) == kept
    assert computing[0].alive(), f"it was not thawed but ended\n{tail(running[0])}"


def publish(broker: str, name: str) -> None:
    """Send jobs as any Kafka client does."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=20)
    for number in range(JOBS):
        job_id = f"{name}{number}"
        text = f"transfer {number} dollars from my savings account to my checking account, please"
        job = {"job_id": job_id, "text": text}
        producer.send(TOPIC, key=job_id.encode(), value=json.dumps(job).encode())
    producer.flush(timeout=30)
    producer.close()


def rows(installation: Installation, name: str) -> int:
    """Rows of the jobs whose ids begin so; 0 while the database is away."""
    return count_of(installation, "job_id LIKE :name", name)


def sent_again(installation: Installation, name: str) -> int:
    """Those of them that needed more than one try."""
    return count_of(installation, "job_id LIKE :name AND attempt > 1", name)


def count_of(installation: Installation, condition: str, name: str) -> int:
    query = f"SELECT count(*) FROM result WHERE {condition}"
    return int(installation.one(query, name=f"{name}%"))


def snapshot(installation: Installation, name: str) -> list[Any]:
    """All that could change in these rows."""
    return installation.sql(
        "SELECT job_id, batch_id, attempt, label, score, created_at FROM result "
        "WHERE job_id LIKE :name ORDER BY job_id",
        name=f"{name}%",
    )


def queued(client: Any) -> int:
    """Batches that wait in the queues of workers."""
    return sum(client.llen(key) for key in client.scan_iter("textmill.worker.*"))


@contextmanager
def frozen(processes: Sequence[Process]) -> Iterator[None]:
    """Stop these processes where they are, and let them go on afterwards."""
    for process in processes:
        process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.signal(signal.SIGCONT)


@contextmanager
def frozen_while_batches_wait(processes: Sequence[Process], client: Any) -> Iterator[None]:
    """Frozen at a moment when a batch waits in Redis: when one was reported, and its successor is
    on the way. Mostly all they have is in hand, one batch computed and one parsed."""
    for _ in range(100):
        with frozen(processes):
            time.sleep(0.1)  # for the dispatcher to use its credits
            if queued(client):
                yield
                return
        time.sleep(0.03)
    raise AssertionError("no batch ever waited in Redis")


def watermark_is_at_the_end(installation: Installation, servers: Servers) -> None:
    """Nothing waits any more, neither in SQL's eyes nor in Kafka's."""
    ends = verdicts.ends_of_log(servers.kafka.url)
    installation.wait_for("watermarks", lambda: verdicts.watermarks(installation) == ends, 30)
