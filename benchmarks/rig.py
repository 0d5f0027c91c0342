"""The services that a measurement runs on: those that the settings name, or its own on loopback.

What `TEXTMILL_KAFKA__BOOTSTRAP_SERVERS`, `TEXTMILL_REDIS__URL` and `TEXTMILL_DATABASE__URL` (or
`textmill.toml`) name is used as it is; what none names is started, on a free port and in a
temporary directory, and ended afterwards. Topics and tables are made where they are missing.
Nothing that was there is changed: runs have job ids of their own, and jobs name their model instead
of being routed to it.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
from sqlalchemy import Engine, create_engine, text

from benchmarks.answers import make_table
from benchmarks.report import say
from deploy.services import KafkaService, PostgresService, RedisService, Service, start_all
from schemas import settings as setting
from schemas.errors import UnavailableError, UsageError
from schemas.settings import variable_of

PARTITIONS = 4


class Rig(msgspec.Struct):
    """Where everything is."""

    environ: dict[str, str]
    """Settings for every process that is started, added to this one's environment."""
    settings: setting.Settings
    engine: Engine
    """To the database, for looking."""
    servers: dict[str, int]
    """Process id of each server that was started here."""

    @property
    def owns_database(self) -> bool:
        """Whether the database is ours and goes when we do."""
        return "postgres" in self.servers


@contextmanager
def rig(
    *, commit_times: bool = False, partitions: int = PARTITIONS, starters: str = "none"
) -> Iterator[Rig]:
    """Everything that Textmill needs, answering.

    Args:
        commit_times: let PostgreSQL remember when each transaction was committed.
        partitions: of each topic that is made.
        starters: models that jobs are routed to which name none; loaded beside what is measured.

    Raises:
        UsageError: the database that was named is no PostgreSQL, or keeps no commit times.
        UnavailableError: a service does not start or answer.
    """
    with ExitStack() as stack:
        environ = {
            "TEXTMILL_DATA_DIR": stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")),
            variable_of("models.starters"): starters,
        }
        started = _start(_missing(setting.load()), stack)
        if commit_times:
            for postgres in (one for one in started.values() if isinstance(one, PostgresService)):
                _keep_commit_times(postgres)
        environ |= {variable_of(path): service.url for path, service in started.items()}
        settings = _settings(environ)
        engine = create_engine(settings.database_url)
        stack.callback(engine.dispose)
        _furnish(settings, engine, partitions, commit_times)
        pids = {one.name: one.process.pid for one in started.values() if one.process}
        yield Rig(environ=environ, settings=settings, engine=engine, servers=pids)


def _missing(given: setting.Settings) -> dict[str, Service]:
    if given.database.url and not given.database.url.startswith("postgresql"):
        raise UsageError("Benchmarks need PostgreSQL; without a setting they start their own.")
    kinds: dict[str, tuple[str, type[Service]]] = {
        "kafka.bootstrap_servers": (given.kafka.bootstrap_servers, KafkaService),
        "redis.url": (given.redis.url, RedisService),
        "database.url": (given.database.url, PostgresService),
    }
    return {path: kind() for path, (url, kind) in kinds.items() if not url}


def _start(wanted: dict[str, Service], stack: ExitStack) -> dict[str, Service]:
    if wanted:
        say(f"starting {', '.join(service.name for service in wanted.values())}")
    for service in wanted.values():
        stack.callback(service.stop)
    if failures := start_all(wanted.values()):
        raise UnavailableError("; ".join(map(str, failures.values())))
    return wanted


def _settings(environ: dict[str, str]) -> setting.Settings:
    return setting.load({**os.environ, **environ})


def _keep_commit_times(postgres: PostgresService) -> None:
    import psycopg

    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    postgres.kill()
    postgres.start()


def _furnish(
    settings: setting.Settings, engine: Engine, partitions: int, commit_times: bool
) -> None:
    from workers.log.topics import create_topics
    from workers.sql.upgrade import upgrade

    create_topics(settings, partitions=partitions, replication=1)
    upgrade(settings.database_url)
    make_table(engine)
    with engine.connect() as connection:
        kept = connection.scalar(text("SHOW track_commit_timestamp")) == "on"
    if commit_times and not kept:
        raise UsageError(
            "This PostgreSQL does not keep commit times: run "
            "`ALTER SYSTEM SET track_commit_timestamp = on` and restart it."
        )


@contextmanager
def own_topic(settings: setting.Settings, partitions: int = PARTITIONS) -> Iterator[str]:
    """A topic that no dispatcher reads; removed at the end."""
    from kafka import KafkaAdminClient

    from producers.connection import connect

    name = f"bench-{uuid.uuid4().hex[:8]}"
    admin, _ = connect(settings.kafka, KafkaAdminClient)
    try:
        admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
        admin.wait_for_topics([name])
        yield name
        admin.delete_topics([name])
    finally:
        admin.close()
