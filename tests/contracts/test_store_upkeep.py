"""What leaves the store: rows by age, one job by name; and who may only read."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from producers.embedded import SqliteWriter
from producers.sqlite_log import erase_job, open_log
from schemas import wire
from schemas.job import Job
from schemas.record import Terminal
from schemas.task import Task
from schemas.topics import DEAD_LETTERS
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import TAGS, World
from workers.sql.erasure import Erased, erase
from workers.sql.maintenance import old_rows, remove_old_rows

__all__ = ["store_url", "world"]

READER = Path(__file__).parents[2] / "deploy" / "sql" / "reader.sql"
NOW = datetime.now(UTC)
LATER, BEFORE = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def test_old_rows_leave_once_the_watermark_has_passed_them(world: World) -> None:
    world.record(world.answer(0), world.answer(1), world.answer(5))
    world.ledger.end([world.ending(2, raw=b"{"), world.ending(6, raw=b"[")])
    world.ledger.advance({world.p: (world.epoch, 3)})

    assert old_rows(world.engine, LATER) == {
        "bulk_text": 0,
        "bulk_earlier": 0,
        "result_outbox": 0,
        "result": 2,
        "shadow_result": 0,
        "ending": 1,
        "bulk": 0,
        "entity_name": 0,
    }
    assert remove_old_rows(world.engine, BEFORE) == dict.fromkeys(old_rows(world.engine, LATER), 0)
    assert remove_old_rows(world.engine, LATER)["result"] == 2
    assert world.answered() == {5: "job-5"}
    assert list(world.ended()) == [6]
    assert world.rows("SELECT record_offset FROM dead_letter") == [(6,)]
    assert remove_old_rows(world.engine, LATER)["result"] == 0
    claim = world.ledger.claim(world.p, "next")
    assert (claim.next_offset, claim.settled) == (3, frozenset({5, 6}))


def test_a_job_is_erased_and_stays_settled(world: World) -> None:
    world.record(world.answer(0, "j"), world.answer(1, "j", said=TAGS, task=Task.TAGGING))
    world.record(world.answer(2, "j", tenant="other"), world.answer(3, "k"))
    world.record(world.answer(4, "j", text="Secret words"))

    said = erase(world.engine, "default", "j")

    assert said == Erased(answers=2, shadow_answers=0, dead_letters=1)
    assert world.answered() == {2: "j", 3: "k"}
    assert world.ended()[0] == world.ended()[1] == (Terminal.CANCELLED, "erased")
    assert world.ended()[4] == (Terminal.CONFLICT, "conflict")
    assert "Secret" not in str(world.everything())
    assert "Acme" not in str(world.everything())
    assert world.ledger.claim(world.p, "next").settled == frozenset({0, 1, 2, 3, 4})
    assert erase(world.engine, "default", "j").answers == 0


def test_the_embedded_log_forgets_a_job(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    jobs = [Job(job_id="j", text="Secret"), Job(job_id="j", text="b", tenant="other")]
    records = [(job.job_id, wire.encode(job)) for job in (*jobs, Job(job_id="k", text="c"))]
    writer = SqliteWriter(path)
    writer.append("textmill.jobs.sentiment", [*records, ("j", b"no JSON")])
    writer.close()

    assert erase_job(path, "default", "j") == 1
    assert erase_job(path, "default", "j") == 0
    assert erase_job(tmp_path / "none", "default", "j") == 0
    log = open_log(path)
    kept = [value for (value,) in log.execute("SELECT value FROM record ORDER BY id")]
    log.close()
    assert len(kept) == 4
    wanted = [b"no JSON", *(value for _, value in records[1:])]
    assert sorted(filter(None, kept)) == sorted(wanted)


def test_the_embedded_log_forgets_a_dead_letter_by_what_it_says(tmp_path: Path) -> None:
    """Dead letters have numbers for keys, which are no ids of jobs."""
    path = tmp_path / "log.sqlite3"
    said = [{"job_id": "j", "tenant": "default"}, {"job_id": "j", "tenant": "other"}]
    said += [{"job_id": "k", "tenant": "default"}, {"job_id": None, "tenant": None}]
    letters = [(str(17 + n), msgspec.json.encode(one)) for n, one in enumerate(said)]
    writer = SqliteWriter(path)
    writer.append(DEAD_LETTERS, letters)
    writer.append("textmill.jobs.sentiment", [("19", wire.encode(Job(job_id="19", text="a")))])
    writer.close()

    assert erase_job(path, "default", "j") == 1
    assert erase_job(path, "default", "19") == 1
    log = open_log(path)
    kept = [key for (key,) in log.execute("SELECT key FROM record WHERE value IS NOT NULL")]
    log.close()
    assert sorted(kept) == ["18", "19", "20"]


def test_a_reader_reads_and_changes_nothing(postgres_url: str) -> None:
    from workers.sql.upgrade import upgrade

    upgrade(postgres_url)
    script = "\n".join(line for line in READER.read_text().splitlines() if line[:2] != "--")
    engine = create_engine(postgres_url)
    dashboard = f"dashboard_{uuid.uuid4().hex[:8]}"  # roles are the server's, not the database's
    with engine.begin() as connection:
        connection.exec_driver_sql(script)
        connection.execute(text(f"CREATE ROLE {dashboard} IN ROLE textmill_reader"))
    with engine.begin() as connection:
        connection.exec_driver_sql(script)
        asked = text("SELECT rolconfig FROM pg_roles WHERE rolname = :name")
        config = connection.execute(asked, {"name": dashboard}).scalar_one()
        connection.execute(text(f"DROP ROLE {dashboard}"))
    assert config == ["default_transaction_read_only=on", "statement_timeout=60000"]

    def run(sql: str) -> None:
        with engine.connect() as connection:
            connection.execute(text("SET ROLE textmill_reader"))
            connection.execute(text(sql))

    run("SELECT label, name FROM sentiment JOIN bulk USING (bulk_id)")
    run("SELECT * FROM result, ending, tag_span")
    for refused in (
        "SELECT raw FROM dead_letter",
        "SELECT request FROM bulk",
        "DELETE FROM result",
        "UPDATE model SET name = 'x'",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            run(refused)
    engine.dispose()
