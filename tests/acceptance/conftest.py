"""Installations for the acceptance tests: embedded, and on the session's real servers.

The topics' names are Textmill's contract, so all installations of a session share them on the one
broker: each takes them over empty, by deleting what an earlier test left.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from deploy.services import KafkaService, PostgresService, RedisService
from tests.acceptance.running import Installation

BROKER_S = 30


class Servers(NamedTuple):
    """The three services."""

    kafka: KafkaService
    redis: RedisService
    postgres: PostgresService

    def revive(self) -> None:
        """Bring back what a test killed or froze."""
        for server in self:
            server.thaw()
            server.start()


@pytest.fixture(scope="session")
def servers(
    kafka_service: KafkaService, redis_service: RedisService, postgres_service: PostgresService
) -> Servers:
    """The session's servers."""
    return Servers(kafka_service, redis_service, postgres_service)


STARTERS = "TEXTMILL_MODELS__STARTERS"
LABELLERS = "banking-en,intent-en,sentiment-en,sentiment-zh,topic-zh"
"""The starters that classify and judge: a test that asks for nothing else starts sooner."""


@contextmanager
def on_servers(
    servers: Servers, directory: Path, *, partitions: int = 4, upgraded: bool = True
) -> Iterator[Installation]:
    """An installation on the real servers, with empty topics, Redis and database of its own.

    Args:
        upgraded: whether `textmill db upgrade` was run.
    """
    servers.revive()
    empty_broker(servers.kafka.url)
    empty_redis(servers.redis.url)
    database = f"acceptance_{uuid.uuid4().hex}"
    servers.postgres.create_database(database)
    settings = {
        "TEXTMILL_KAFKA__BOOTSTRAP_SERVERS": servers.kafka.url,
        "TEXTMILL_KAFKA__GROUP_ID": database,
        "TEXTMILL_REDIS__URL": servers.redis.url,
        "TEXTMILL_DATABASE__URL": servers.postgres.database_url(database),
        "TEXTMILL_DISPATCH__COMMIT_INTERVAL_S": "0.5",
        "TEXTMILL_WORKER__THREADS": "1",
    }
    try:
        with Installation(directory, settings) as installation:
            installation.run("topics", "create", "--partitions", str(partitions))
            if upgraded:
                installation.run("db", "upgrade")
            yield installation
    finally:
        servers.revive()
        servers.postgres.drop_database(database)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Installation]:
    """An installation without any server."""
    with Installation(tmp_path) as installation:
        yield installation


@pytest.fixture
def real(servers: Servers, tmp_path: Path) -> Iterator[Installation]:
    """An installation on Kafka, Redis and PostgreSQL."""
    with on_servers(servers, tmp_path) as installation:
        yield installation


@pytest.fixture(params=["embedded", "real"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """Both kinds, one after the other."""
    return request.getfixturevalue(request.param)


def empty_broker(url: str) -> None:
    """Delete every topic of Textmill's."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=url)
    try:
        if ours := _topics(admin):
            admin.delete_topics(ours)
        deadline = time.monotonic() + BROKER_S
        while _topics(admin):
            assert time.monotonic() < deadline, "the broker does not delete its topics"
            time.sleep(0.1)
    finally:
        admin.close()


def _topics(admin: "object") -> list[str]:
    return [t for t in admin.list_topics() if t.startswith("textmill.")]  # type: ignore[attr-defined]


def empty_redis(url: str) -> None:
    """Delete every key."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()


def announced(url: str) -> list[str]:
    """The workers that have said in Redis that they take batches."""
    import redis

    with redis.Redis.from_url(url) as client:
        return [key.decode() for key in client.scan_iter("textmill:worker:*")]


def ready_workers(url: str) -> int:
    """How many workers have all their models in memory."""
    import redis

    with redis.Redis.from_url(url) as client:
        said = [client.get(key) for key in client.scan_iter("textmill:worker:*")]
    states = [msgspec.msgpack.decode(one) for one in said if one]
    return sum(bool(state["versions"]) and not state["loading"] for state in states)
