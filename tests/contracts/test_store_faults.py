"""Databases that are locked, full, cut off or dead while the store is used."""

import sqlite3
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, event, text

from schemas.errors import UnavailableError
from tests.contracts.store_fixtures import on_postgres
from tests.contracts.store_world import World, partition
from workers.sql import idle, transaction
from workers.sql.engine import open_engine
from workers.sql.errors import translated
from workers.sql.upgrade import upgrade

__all__ = ["on_postgres"]


@pytest.fixture
def on_sqlite(sqlite_url: str) -> Iterator[World]:
    """The ports over a file."""
    upgrade(sqlite_url)
    engine = open_engine(sqlite_url)
    yield World(engine)
    engine.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after a moment."""
    monkeypatch.setattr(transaction, "RETRY_BUDGET_S", 0.2)


def hurry(engine: Engine) -> None:
    """Wait for locks only a moment, on connections that are made from now on."""
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=20"))
    engine.dispose()


def test_a_locked_file_is_waited_for(on_sqlite: World) -> None:
    hurry(on_sqlite.engine)
    other = sqlite3.connect(str(on_sqlite.engine.url.database), check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, other.rollback)
    release.start()
    started = time.monotonic()

    recorded = on_sqlite.record(on_sqlite.answer(0))

    assert time.monotonic() - started > 0.4
    assert recorded.settled == ((on_sqlite.p, 0),)
    release.join()
    other.close()


@pytest.mark.usefixtures("impatient")
def test_a_file_locked_for_long_is_unavailable(on_sqlite: World) -> None:
    hurry(on_sqlite.engine)
    other = sqlite3.connect(str(on_sqlite.engine.url.database))
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match="SQLITE_BUSY"):
        on_sqlite.record(on_sqlite.answer(0))

    assert on_sqlite.answered() == {}  # readers pass
    other.rollback()
    other.close()


@pytest.mark.usefixtures("impatient")
def test_a_full_disk_loses_nothing(on_sqlite: World) -> None:
    world = on_sqlite
    world.record(world.answer(0))
    ((pages,),) = world.rows("PRAGMA page_count")

    def full(raw: sqlite3.Connection, _record: object) -> None:
        raw.execute(f"PRAGMA max_page_count={pages}")

    event.listen(world.engine, "connect", full)
    world.engine.dispose()
    before = world.everything()

    with pytest.raises(UnavailableError, match="SQLITE_FULL"):
        world.record(*(world.answer(n, metadata={"m": "x" * 4000}) for n in range(1, 30)))

    assert world.everything() == before
    event.remove(world.engine, "connect", full)
    world.engine.dispose()
    assert len(world.record(*(world.answer(n) for n in range(1, 30))).settled) == 29


KILL = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE application_name = 'textmill' AND datname = current_database()"
)


@pytest.fixture
def killed(on_postgres: World) -> Iterator[list[int]]:
    """How many connections somebody has cut, again and again, while the test runs."""
    stop, cut = threading.Event(), [0]
    admin = create_engine(on_postgres.engine.url, isolation_level="AUTOCOMMIT")

    def kill() -> None:
        with admin.connect() as connection:
            while not stop.wait(0.15):
                cut[0] += connection.execute(KILL).scalar_one()

    killer = threading.Thread(target=kill)
    killer.start()
    yield cut
    stop.set()
    killer.join()
    admin.dispose()


def test_connections_cut_again_and_again(on_postgres: World, killed: list[int]) -> None:
    world, offset = on_postgres, 0
    while killed[0] < 8:
        answers = [world.answer(offset + n) for n in range(20)]
        assert len(world.record(*answers).settled) == 20
        offset += 20
        world.ledger.advance({world.p: (world.epoch, offset)})

    claim = world.ledger.claim(world.p, "second")
    assert (claim.next_offset, claim.settled) == (offset, frozenset())


def test_a_connection_cut_while_it_lay_idle_is_replaced_before_it_is_used(
    on_postgres: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "ASK_AFTER_S", 0.0)
    assert on_postgres.answered() == {}
    admin = create_engine(on_postgres.engine.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        assert connection.execute(KILL).scalar_one() >= 1
    admin.dispose()
    assert on_postgres.answered() == {}  # a reader, who does not try again


def test_a_busy_connection_is_not_asked_whether_it_lives(
    on_postgres: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(on_postgres.engine.dialect, "do_ping", asked.append)
    for _ in range(3):
        on_postgres.answered()
    assert asked == []
    monkeypatch.setattr(idle, "ASK_AFTER_S", 0.0)
    on_postgres.answered()
    assert len(asked) == 1


def test_locks_taken_in_a_ring_are_resolved(on_postgres: World) -> None:
    """Another session locks two claims in the other order; PostgreSQL ends one of the two."""
    world, other = on_postgres, partition(1)
    epoch = world.ledger.claim(other, "first").epoch
    second_taken = threading.Event()

    def take_in_reverse() -> None:
        lock = "SELECT 1 FROM partition_claim WHERE partition = {} FOR UPDATE"
        with world.engine.connect() as connection:
            connection.execute(text("SET lock_timeout = '2s'"))
            connection.execute(text(lock.format(1)))
            second_taken.set()
            time.sleep(0.3)
            try:
                connection.execute(text(lock.format(0)))
            except Exception:  # whichever of the two the server ends
                connection.rollback()

    thread = threading.Thread(target=take_in_reverse)
    thread.start()
    second_taken.wait(5)
    recorded = world.record(
        world.answer(0), world.answer(0, "elsewhere", partition=other, epoch=epoch)
    )
    thread.join()

    assert len(recorded.settled) == 2


def test_who_stands_still_in_a_transaction_loses_its_locks(
    on_postgres: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a frozen worker does; the others that have its records wait for no more than that."""
    world = on_postgres
    monkeypatch.setattr("workers.sql.engine.IDLE_TIMEOUT_S", 1)
    url = world.engine.url.render_as_string(hide_password=False)
    frozen, stored = open_engine(url), world.answer(0)
    with frozen.connect() as connection:
        connection.execute(text("SELECT 1 FROM partition_claim FOR UPDATE"))

        assert len(world.record(stored).settled) == 1
        with pytest.raises(UnavailableError), translated():
            connection.execute(text("SELECT 1"))
    frozen.dispose()


@pytest.mark.usefixtures("impatient")
def test_a_database_that_is_gone_is_unavailable(on_postgres: World) -> None:
    gone = open_engine(on_postgres.engine.url.set(port=1).render_as_string(hide_password=False))

    with pytest.raises(UnavailableError, match="does not answer"):
        World(gone)

    gone.dispose()
