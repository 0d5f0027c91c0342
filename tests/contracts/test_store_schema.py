"""The schema on both databases: what the migrations make is what the tables declare."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, insert, inspect, select, text

from schemas.errors import UsageError
from schemas.tables import UNDECLARED_INDEXES, UNDECLARED_KEYS, metadata, partition_claim
from tests.contracts.store_fixtures import store_url
from workers.sql.engine import open_engine
from workers.sql.upgrade import current_revision, newest_revision, require_current, upgrade

__all__ = ["store_url"]


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """An engine on an empty database."""
    engine = open_engine(store_url)
    yield engine
    engine.dispose()


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
def test_the_newest_revision_is_what_the_tables_declare(store_url: str, engine: Engine) -> None:
    upgrade(store_url)

    with engine.connect() as connection:
        undeclared = UNDECLARED_INDEXES | UNDECLARED_KEYS
        declared = {"include_name": lambda name, *_: name not in undeclared}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **declared})
        assert compare_metadata(context, metadata) == []
        indexes = {index["name"] for index in inspect(connection).get_indexes("entity_name")}
        keys = {key["name"] for key in inspect(connection).get_foreign_keys("result")}
    on_postgresql = engine.dialect.name == "postgresql"
    assert indexes == (UNDECLARED_INDEXES if on_postgresql else set())
    assert keys == (set() if on_postgresql else UNDECLARED_KEYS)


def test_checks_are_what_the_tables_declare(store_url: str, engine: Engine) -> None:
    upgrade(store_url)
    inspector = inspect(engine)

    for table in metadata.tables.values():
        declared = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
        made = {check["name"] for check in inspector.get_check_constraints(table.name)}
        assert made == declared


def test_upgrading_is_repeatable(store_url: str, engine: Engine) -> None:
    assert current_revision(engine) is None
    assert [upgrade(store_url), upgrade(store_url)] == [newest_revision()] * 2
    assert current_revision(engine) == newest_revision()
    require_current(engine)


def test_several_upgrade_at_once(store_url: str, engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(upgrade, [store_url] * 6)) == {newest_revision()}

    require_current(engine)


def test_an_empty_database_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match=r"schema is empty, this program needs 0.*`textmill db up"):
        require_current(engine)


def test_a_newer_schema_is_refused(store_url: str, engine: Engine) -> None:
    upgrade(store_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for refused in (lambda: require_current(engine), lambda: upgrade(store_url)):
        with pytest.raises(UsageError, match=r"schema is 9999, .* newer Textmill"):
            refused()


def test_a_failed_upgrade_leaves_nothing(store_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE dead_letter (id INTEGER)"))

    with pytest.raises(Exception, match="refuses a statement"):
        upgrade(store_url)

    assert inspect(engine).get_table_names() == ["dead_letter"]
    assert current_revision(engine) is None


def test_moments_are_aware_and_exact(store_url: str, engine: Engine) -> None:
    upgrade(store_url)
    moment = datetime(2025, 6, 30, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=8)))
    row = {"topic_id": "a", "partition": 0, "topic": "t", "epoch": 1, "owner": "o"}
    with engine.begin() as connection:
        connection.execute(insert(partition_claim).values(**row, claimed_at=moment))
        (found,) = connection.execute(select(partition_claim.c.claimed_at)).scalars()
        later = connection.execute(
            text("SELECT count(*) FROM partition_claim WHERE claimed_at < CURRENT_TIMESTAMP")
        ).scalar()

    assert found == moment
    assert found.tzinfo is UTC
    assert later == 1


def test_a_naive_moment_is_refused(store_url: str, engine: Engine) -> None:
    upgrade(store_url)
    row = {"topic_id": "a", "partition": 0, "topic": "t", "epoch": 1, "owner": "o"}
    naive = datetime(2025, 6, 30)  # noqa: DTZ001

    with engine.connect() as connection, pytest.raises(Exception, match="naive datetime"):
        connection.execute(insert(partition_claim).values(**row, claimed_at=naive))


def test_sqlite_keeps_its_commits_and_lets_readers_pass(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()

    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_sqlite_makes_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store.sqlite3"

    upgrade(f"sqlite:///{path}")

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
            newest_revision(),
        )
    connection.close()
