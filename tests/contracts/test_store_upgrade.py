"""A database that was used with revision 0002 is brought to the newest one with all its rows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

import migrations
from schemas.tables import UNDECLARED_KEYS
from schemas.task import Task
from tests.contracts.store_fixtures import store_url
from tests.contracts.store_world import World
from workers.desired import RouteKey
from workers.sql import trigrams
from workers.sql.bulks import SqlBulks
from workers.sql.engine import WRITES, open_engine
from workers.sql.lookup import Wanted, count_answers, find_job, list_answers
from workers.sql.rollouts import SqlRollouts
from workers.sql.upgrade import current_revision, newest_revision, require_current, upgrade

__all__ = ["store_url"]

FILL = """
INSERT INTO model (name, task) VALUES ('mood', 'sentiment'), ('names', 'tagging');
INSERT INTO model_version (model, version, digest, state, manifest, path, created_at) VALUES
    ('mood', 1, 'd1', 'retired', '{manifest}', '/m/1', '{then}'),
    ('mood', 2, 'd2', 'live', '{manifest}', '/m/2', '{then}'),
    ('names', 1, 'd3', 'live', '{manifest}', '/m/3', '{then}');
INSERT INTO route (task, lang, model_version_id, updated_at) VALUES
    ('sentiment', 'en', 2, '{then}'), ('tagging', 'en', 3, '{then}');
INSERT INTO result (tenant, job_id, task, run, topic_id, partition, record_offset, topic,
    model_version_id, lang, label, score, summary, output, payload_digest, bulk_id, metadata,
    batch_id, attempt, published_at, created_at, latency_ms, compute_ms) VALUES
    ('default', 'a', 'sentiment', 0, 't1', 0, 0, 'textmill.jobs.sentiment', 1, 'en', 'positive',
     0.75, NULL, '{{"tokens": 3, "scores": {{"positive": 0.75}}}}', {digest}, 'june', '{{"k": 1}}',
     'b1', 1, '{then}', '{then}', 20, 0.5),
    ('shop', 'a', 'sentiment', 0, 't1', 0, 1, 'textmill.jobs.sentiment', 2, 'en', 'negative',
     0.5, NULL, '{{"tokens": 4}}', {digest}, NULL, '{{}}', 'b2', 1, '{then}', '{then}', 30, 0.5),
    ('default', 'b', 'tagging', 0, 't2', 0, 7, 'textmill.jobs.tagging', 3, 'en', NULL,
     0.9, NULL, '{spans}', {digest}, NULL, '{{}}', 'b3', 1, '{then}', '{then}', 40, 0.5);
INSERT INTO ending (topic_id, partition, record_offset, topic, state, reason, detail, tenant,
    job_id, task, bulk_id, created_at) VALUES
    ('t1', 0, 2, 'textmill.jobs.sentiment', 'INVALID', 'not_json', '', NULL, NULL, 'sentiment',
     NULL, '{then}'),
    ('t1', 0, 3, 'textmill.jobs.sentiment', 'DUPLICATE', 'duplicate', '', 'default', 'a',
     'sentiment', 'june', '{then}');
INSERT INTO dead_letter (topic_id, partition, record_offset, topic, reason, detail, raw, size,
    created_at) VALUES
    ('t1', 0, 2, 'textmill.jobs.sentiment', 'not_json', '', {digest}, 16, '{then}');
INSERT INTO partition_claim (topic_id, partition, topic, epoch, next_offset, owner, claimed_at)
    VALUES ('t1', 0, 'textmill.jobs.sentiment', 5, 2, 'd', '{then}');
INSERT INTO cost_profile (model_version_id, device_kind, call_s, token_s, pair_s, batches,
    updated_at) VALUES (2, 'cpu', 0.001, 0.00001, 0, 9, '{then}')
"""
SPAN = '{"start": 0, "end": 4, "label": "ORG", "text": "Acme", "score": 0.9}'
MANIFEST = '{"languages": ["en"], "name": "mood", "task": "sentiment"}'


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """A database of revision 0002, with rows in every table."""
    engine = open_engine(store_url)
    upgraded(engine, "0002")
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            for statement in filled(engine.dialect.name).split(";\n"):
                connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


def upgraded(engine: Engine, revision: str) -> None:
    migrated(engine, command.upgrade, revision)


def migrated(engine: Engine, way: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            config.attributes["connection"] = connection
            way(config, revision)


def filled(dialect: str) -> str:
    sixteen = "00112233445566778899aabbccddeeff"
    digest = f"X'{sixteen}'" if dialect == "sqlite" else f"decode('{sixteen}', 'hex')"
    spans = f'{{"tokens": 4, "spans": [{SPAN}, {SPAN}]}}'
    then = "2025-06-30 12:00:00.000000+00:00"
    return FILL.format(then=then, manifest=MANIFEST, digest=digest, spans=spans)


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


TABLES = ("model", "model_version", "route", "result", "ending", "dead_letter", "partition_claim")


def everything(engine: Engine, columns: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the tables of 0002, by the columns that they had then."""
    return {
        table: sorted(map(str, rows(engine, f"SELECT {columns[table]} FROM {table}")))  # type: ignore[misc]
        for table in columns
    }


def columns_now(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {
            table: ", ".join(connection.exec_driver_sql(f"SELECT * FROM {table}").keys())
            for table in (*TABLES, "cost_profile")
        }


def test_nothing_is_lost_and_everything_is_found(engine: Engine, store_url: str) -> None:
    assert current_revision(engine) == "0002"
    columns = columns_now(engine)
    before = everything(engine, columns)

    assert upgrade(store_url) == newest_revision()
    require_current(engine)
    assert everything(engine, columns) == before
    # what came with later revisions is filled in
    assert rows(engine, "SELECT DISTINCT arm FROM result") == [("live",)]
    named = list_answers(engine, Wanted(task=Task.TAGGING, entity="Acme"), 10)
    assert [one.job_id for one in named] == ["b"]
    parts = list_answers(engine, Wanted(task=Task.TAGGING, part="CM"), 10)
    assert [one.job_id for one in parts] == ["b"]
    assert rows(engine, "SELECT tenant, name FROM entity_name") == [("default", "Acme")]
    assert rows(engine, "SELECT job_id, span_text FROM tag_span") == [("b", "Acme")] * 2
    answers, endings = find_job(engine, "a")
    assert [(one.tenant, one.version, one.prediction.label) for one in answers] == [
        ("default", 1, "positive"),
        ("shop", 2, "negative"),
    ]
    assert [one.state for one in endings] == ["DUPLICATE"]
    assert count_answers(engine, Wanted(bulk_id="june")) == 1
    routes = {route.key: route for route in SqlRollouts(engine).table()}
    led = routes[RouteKey(Task.SENTIMENT, "en")]
    assert (str(led.live), led.previous, led.canary, led.pinned) == ("mood@2", None, None, False)
    assert rows(engine, "SELECT psi FROM drift") == []
    assert rows(engine, "SELECT * FROM rerun_change") == []


def test_work_goes_on_in_it(engine: Engine, store_url: str) -> None:
    """A claim goes on where it was; a late copy of an old job finds its answer."""
    upgrade(store_url)
    world = World(engine)
    assert world.version.version == 3, "versions are numbered on"
    claim = world.ledger.claim(world.p._replace(topic_id="t1"), "next")
    assert (claim.epoch, claim.next_offset, claim.settled) == (6, 2, frozenset({2, 3}))
    world.record(world.answer(0, "a"), world.answer(1, "new"))
    assert world.ended()[0] == ("CONFLICT", "conflict"), "its text was another one"
    assert world.answered()[7] == "b"
    assert [job for (job,) in rows(engine, "SELECT job_id FROM sentiment ORDER BY 1")] == [
        *("a", "a", "new")
    ]


def test_the_dictionary_goes_and_comes_again(engine: Engine, store_url: str) -> None:
    upgrade(store_url)
    migrated(engine, command.downgrade, "0010")
    assert current_revision(engine) == "0010"
    gone = {"entity_name", "bulk_text", "bulk_earlier"}
    assert not gone & set(inspect(engine).get_table_names())

    upgrade(store_url)
    assert rows(engine, "SELECT tenant, name FROM entity_name") == [("default", "Acme")]
    assert not trigrams.is_missing(engine)


def test_searches_for_names_read_short_lists(engine: Engine, store_url: str) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no such lists")
    limits = text(
        "SELECT count(*) FROM pg_class WHERE relname IN ('ix_result_names', "
        "'ix_entity_name_characters') AND 'gin_pending_list_limit=64' = ANY (reloptions)"
    )

    def limited() -> Any:
        with engine.connect() as connection:
            return connection.execute(limits).scalar()

    upgrade(store_url)
    assert limited() == 2
    migrated(engine, command.downgrade, "0012")
    assert limited() == 0
    upgrade(store_url)
    assert limited() == 2


def test_the_key_of_answers_comes_back_on_the_way_down(engine: Engine, store_url: str) -> None:
    """On SQLite it never leaves."""

    def keys() -> list[str | None]:
        return [key["name"] for key in inspect(engine).get_foreign_keys("result")]

    upgrade(store_url)
    assert keys() == (list(UNDECLARED_KEYS) if engine.dialect.name == "sqlite" else [])
    migrated(engine, command.downgrade, "0014")
    assert keys() == list(UNDECLARED_KEYS)
    upgrade(store_url)


def test_bulk_jobs_of_before_have_nothing_of_earlier_ones(engine: Engine, store_url: str) -> None:
    job = "'b', 'june', 'default', '{}', '[]', 'active', 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP"
    columns = "bulk_id, name, tenant, request, columns, state, priority, created_at, changed_at"
    piece = (
        "INSERT INTO bulk_chunk (bulk_id, number, rows, documents, bad, left_out, tokens, reused)"
    )
    upgraded(engine, "0011")
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            connection.exec_driver_sql(f"INSERT INTO bulk ({columns}) VALUES ({job})")
            connection.exec_driver_sql(f"{piece} VALUES ('b', 0, 3, 2, 0, 0, 9, '[[3, 1]]')")
    upgrade(store_url)

    said = SqlBulks(engine).submitted("b")
    assert (said.rows, said.documents, said.reused, said.reused_earlier) == (3, 2, 1, 0)
    assert (
        rows(engine, "SELECT * FROM bulk_text") == rows(engine, "SELECT * FROM bulk_earlier") == []
    )
