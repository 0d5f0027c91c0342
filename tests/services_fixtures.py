"""The real servers, as fixtures.

`kafka_service`, `redis_service` and `postgres_service` live as long as the test session. The first
test that needs one starts, at the same time, all that this session's tests will need; a session
that needs none starts none. A test may kill or freeze one: the next test that takes
`kafka_bootstrap`, `redis_url` or `postgres_url` gets it back answering, on the same port. A test
that wants a server of its own passes it through `start_or_skip` and stops it.

A server whose program is missing skips its tests on a laptop, and fails them where `CI` or
`REQUIRE_SERVICES` is set: there a skipped test would be a lie.
"""

import itertools
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from deploy.services import (
    KafkaService,
    PostgresService,
    RedisService,
    Service,
    ServiceError,
    ServiceMissingError,
    start_all,
)
from deploy.services.redis import DATABASES

_S = TypeVar("_S", bound=Service)

_KINDS: dict[str, type[Service]] = {
    "kafka_service": KafkaService,
    "redis_service": RedisService,
    "postgres_service": PostgresService,
}


def start_or_skip(service: _S) -> _S:
    """Start a server of the test's own; skip or fail the test if it cannot run here."""
    _judge(start_all([service]).get(service))
    return service


def _judge(failure: ServiceError | None) -> None:
    if isinstance(failure, ServiceMissingError) and not _services_are_required():
        pytest.skip(str(failure))
    if failure is not None:
        pytest.fail(str(failure), pytrace=False)


def _services_are_required() -> bool:
    return bool(os.environ.get("CI") or os.environ.get("REQUIRE_SERVICES"))


class Fleet:
    """The session's servers: those wanted are started together at the first need."""

    def __init__(self, wanted: set[type[Service]]) -> None:
        self._wanted = wanted
        self._services: dict[type[Service], Service] = {}
        self._failures: dict[Service, ServiceError] = {}

    def get(self, kind: type[_S]) -> _S:
        """The running server of this kind; skips or fails the test if there is none."""
        self._start((self._wanted | {kind}) - self._services.keys())
        service = self._services[kind]
        _judge(self._failures.get(service))
        assert isinstance(service, kind)
        return service

    def stop(self) -> None:
        for service in self._services.values():
            service.stop()

    def _start(self, kinds: set[type[Service]]) -> None:
        started = {kind: kind() for kind in kinds}
        self._services |= started
        self._failures |= start_all(started.values())


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """All servers of this session; take one of the fixtures below instead."""
    names = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    fleet = Fleet({kind for name, kind in _KINDS.items() if name in names})
    yield fleet
    fleet.stop()


@pytest.fixture(scope="session")
def kafka_service(services: Fleet) -> KafkaService:
    """The session's Kafka broker."""
    return services.get(KafkaService)


@pytest.fixture(scope="session")
def redis_service(services: Fleet) -> RedisService:
    """The session's Redis server."""
    return services.get(RedisService)


@pytest.fixture(scope="session")
def postgres_service(services: Fleet) -> PostgresService:
    """The session's PostgreSQL server."""
    return services.get(PostgresService)


@pytest.fixture
def kafka_bootstrap(kafka_service: KafkaService) -> str:
    """`host:port` of a running broker, shared by the whole session: create topics under names of
    your own."""
    return _revived(kafka_service)


@pytest.fixture
def redis_url(redis_service: RedisService, redis_number: "itertools.count[int]") -> Iterator[str]:
    """An empty logical database, emptied again afterwards. Publish/subscribe knows no databases:
    channels are shared by the whole session."""
    _revived(redis_service)
    url = redis_service.database_url(next(redis_number) % DATABASES)
    _flush(url)
    yield url
    _revived(redis_service)
    _flush(url)


@pytest.fixture(scope="session")
def redis_number() -> "itertools.count[int]":
    """Counts the logical databases given out."""
    return itertools.count(1)


@pytest.fixture
def postgres_url(postgres_service: PostgresService) -> Iterator[str]:
    """An empty database of the test's own, for SQLAlchemy, dropped afterwards."""
    _revived(postgres_service)
    database = f"test_{uuid.uuid4().hex}"
    postgres_service.create_database(database)
    yield postgres_service.database_url(database)
    _revived(postgres_service)
    postgres_service.drop_database(database)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database file that does not exist yet, for SQLAlchemy."""
    return f"sqlite:///{tmp_path / 'textmill.db'}"


def _revived(service: Service) -> str:
    """Bring back what a test killed or froze."""
    service.thaw()
    return service.start()


def _flush(url: str) -> None:
    import redis  # here: tests without servers should start at once

    with redis.Redis.from_url(url) as client:
        client.flushdb()
