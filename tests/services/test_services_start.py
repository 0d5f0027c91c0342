"""The servers that the other tests build on: they answer, survive a kill, and leave no trace."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import redis
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from deploy.services import (
    KafkaService,
    PostgresService,
    RedisService,
    Service,
    ServiceError,
    ServiceMissingError,
    directories,
    install,
    programs,
)
from deploy.services.ports import free_port, is_free
from deploy.services.process import Process, wait_gone
from tests.services_fixtures import start_or_skip

REPOSITORY = Path(__file__).resolve().parents[2]


def kafka_write(url: str, value: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=url)
    if not admin.list_topics():
        admin.create_topics([NewTopic("notes", num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=url, acks="all")
    producer.send("notes", value.encode()).get(timeout=20)
    producer.close()


def kafka_read(url: str) -> list[str]:
    consumer = KafkaConsumer(
        "notes",
        bootstrap_servers=url,
        group_id=f"readers-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    deadline = time.monotonic() + 20
    values: list[str] = []
    while not values and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=500).values():
            values += [record.value.decode() for record in records]
    consumer.close()
    return values


def redis_write(url: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        assert client.ping()
        client.rpush("notes", value)


def redis_read(url: str) -> list[str]:
    with redis.Redis.from_url(url) as client:
        return [value.decode() for value in client.lrange("notes", 0, -1)]


def postgres_write(url: str, value: str) -> None:
    with psycopg.connect(_dsn(url)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (value text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [value])


def postgres_read(url: str) -> list[str]:
    with psycopg.connect(_dsn(url)) as connection:
        version = connection.execute("SELECT version()").fetchone()
        assert version is not None
        assert version[0].startswith("PostgreSQL")
        return [row[0] for row in connection.execute("SELECT value FROM notes")]


def _dsn(url: str) -> str:
    return url.replace("+psycopg", "")


class Case(NamedTuple):
    """A kind of server, how to write a note to it, and how to read all notes."""

    kind: type[Service]
    write: Callable[[str, str], None]
    read: Callable[[str], list[str]]


CASES = [
    Case(KafkaService, kafka_write, kafka_read),
    Case(RedisService, redis_write, redis_read),
    Case(PostgresService, postgres_write, postgres_read),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.kind.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each server in turn."""
    case: Case = request.param
    return case


@pytest.fixture(scope="module")
def own_service(case: Case) -> Iterator[Service]:
    """A server of this module's own, to be ill-treated."""
    service = start_or_skip(case.kind())
    yield service
    service.stop()


@pytest.fixture
def service(own_service: Service) -> Service:
    """The same, running again whatever the test before did to it."""
    own_service.start()
    return own_service


def test_a_killed_server_comes_back_with_its_data(case: Case, service: Service) -> None:
    url = service.url
    case.write(url, "before")
    assert case.read(url) == ["before"]

    service.kill()
    assert not service.running()
    assert service.start() == url

    assert case.read(url) == ["before"]


def test_a_second_start_changes_nothing(service: Service) -> None:
    process = service.process
    assert service.start() == service.url
    assert service.process == process


def test_a_frozen_server_keeps_silent_until_thawed(service: Service) -> None:
    service.freeze()
    assert service.running()
    assert not service.answers()
    service.thaw()
    assert service.answers()


@pytest.mark.parametrize("frozen", [False, True], ids=["awake", "frozen"])
def test_stop_leaves_no_process_directory_or_listener(service: Service, frozen: bool) -> None:
    assert service.process is not None
    family, directory = service.process.family(), service.directory
    assert directory.exists()
    if frozen:
        service.freeze()

    service.stop()

    assert wait_gone(family, seconds=0)
    assert not directory.exists()
    assert is_free(service.port)


def test_a_killed_postgres_leaves_no_shared_memory() -> None:
    postgres = start_or_skip(PostgresService())
    lock = (postgres.directory / "cluster" / "postmaster.pid").read_text().splitlines()
    key = lock[6].split()[0]
    assert key in shared_memory()
    postgres.kill()
    assert key not in shared_memory()
    postgres.stop()


def shared_memory() -> set[str]:
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {line.split()[0] for line in lines}


OWNER = """
import threading, time
from deploy import services
service = services.{kind}()
starter = threading.Thread(target=service.start)
starter.start(); starter.join()
print(service.process.pid, service.directory, flush=True)
time.sleep(60)
"""


def test_a_server_dies_with_whoever_started_it(case: Case, service: Service) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(kind=case.kind.__name__)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        pid, directory = owner.stdout.readline().split()
        server = Process.of(int(pid))
        assert server is not None
        family = server.family()
        owner.kill()

    assert wait_gone(family, seconds=10)
    directories.sweep()
    assert not Path(directory).exists()


def test_each_test_gets_an_empty_postgres_database(postgres_url: str) -> None:
    with psycopg.connect(_dsn(postgres_url)) as connection:
        tables = connection.execute("SELECT * FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []


def test_each_test_gets_an_empty_redis_database(redis_url: str) -> None:
    redis_write(redis_url, "for nobody")
    assert redis_read(redis_url) == ["for nobody"]


def test_a_session_server_is_revived(kafka_service: KafkaService, kafka_bootstrap: str) -> None:
    assert kafka_service.url == kafka_bootstrap
    assert kafka_service.answers()


def services_command(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "deploy.services", f"--home={home}", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def test_a_developers_servers_are_found_again_and_stopped(
    tmp_path: Path, redis_service: RedisService
) -> None:
    home = tmp_path / ".services"
    export = services_command(home, "start", "redis")
    name, url = export.removeprefix("export ").split("=")
    assert name == "TEXTMILL_REDIS__URL"
    redis_write(url, "kept")
    running = services_command(home, "status")
    assert "redis     running" in running
    assert "kafka     stopped" in running

    assert services_command(home, "start", "redis") == export
    assert services_command(home, "status") == running

    services_command(home, "stop")
    assert "running" not in services_command(home, "status")
    services_command(home, "start", "redis")
    assert redis_read(url) == ["kept"]

    services_command(home, "clear")
    assert not home.exists()


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServiceMissingError, match="redis-server"):
        RedisService().start()


def test_without_root_the_message_is_for_an_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "missing_packages", lambda: ["redis-server"])
    with pytest.raises(ServiceMissingError, match=r"apt-get install .* redis-server"):
        install.install()


def test_a_server_that_cannot_start_shows_its_log(
    monkeypatch: pytest.MonkeyPatch, redis_service: RedisService
) -> None:
    taken = RedisService(port=redis_service.port)
    monkeypatch.setattr(RedisService, "answers", lambda self: False)
    with pytest.raises(ServiceError, match="Address already in use"):
        taken.start()
    assert not taken.running()


def test_a_preferred_port_is_given_only_if_it_is_free(redis_service: RedisService) -> None:
    free = free_port()
    assert free_port(free) == free
    assert free_port(redis_service.port) != redis_service.port


def test_the_newest_postgres_is_chosen() -> None:
    homes = [Path("/p/9.6/bin"), Path("/p/15/bin"), Path("/p/17/bin")]
    assert max(homes, key=programs._version) == homes[2]
