"""Look-ups use their indexes: the plans that PostgreSQL makes with a hundred thousand rows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, inspect, text

from deploy.services import PostgresService
from schemas.task import Task
from tests.contracts.store_world import TAGS, World
from workers.sql.engine import open_engine
from workers.sql.lookup import Wanted, count_answers, find_job, list_answers
from workers.sql.upgrade import upgrade

ROWS = 100_000
COPIES = """
    INSERT INTO result ({columns})
    SELECT {values} FROM generate_series(1, {rows}) AS n, (SELECT * FROM result LIMIT 1) AS one
"""
MADE_UP = {
    "job_id": "'made-' || n",
    "record_offset": "1000 + n",
    "task": "CASE n % 2 WHEN 0 THEN 'sentiment' ELSE 'tagging' END",
    "label": "CASE n % 2 WHEN 0 THEN CASE n % 1000 WHEN 0 THEN 'rare' ELSE 'usual' END END",
    "names": "CASE n % 2 WHEN 1 "
    "THEN ARRAY['name ' || n / 4, 'all', '北' || chr(20000 + n / 8)] END",
    "created_at": "one.created_at - n * interval '1 second'",
}

DICTIONARY = """
    INSERT INTO entity_name SELECT DISTINCT tenant, n.name FROM result, unnest(names) AS n (name)
    ON CONFLICT DO NOTHING
"""


@pytest.fixture(scope="module")
def full(postgres_service: PostgresService) -> Iterator[Engine]:
    """A store on PostgreSQL with many rows."""
    postgres_service.create_database("plans")
    url = postgres_service.database_url("plans")
    upgrade(url)
    engine = open_engine(url)
    world = World(engine)
    world.record(world.answer(0, said=TAGS, task=Task.TAGGING))
    with engine.begin() as connection:
        names = [column["name"] for column in inspect(connection).get_columns("result")]
        values = ", ".join(MADE_UP.get(name, f'one."{name}"') for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        connection.execute(text(COPIES.format(columns=columns, values=values, rows=ROWS)))
        connection.execute(text(DICTIONARY))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("result", "entity_name"):  # an index's unsorted entries would count as well
            connection.execute(text(f"VACUUM ANALYZE {table}"))
    yield engine
    engine.dispose()
    postgres_service.drop_database("plans")


def plans(engine: Engine, look: Callable[[], object]) -> str:
    """The plans of the statements about results that `look` runs."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    look()
    event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        rows = [
            str(row[0])
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN ANALYZE {statement}", parameters)
        ]
    plan = "\n".join(rows)
    assert "Seq Scan on result" not in plan, plan
    return plan


def test_a_job_by_its_id_alone(full: Engine) -> None:
    assert "Index Scan using pk_result" in plans(full, lambda: find_job(full, "made-777"))
    assert len(find_job(full, "made-777")[0]) == 1


def test_a_page_by_task_and_time(full: Engine) -> None:
    first = list_answers(full, Wanted(task=Task.SENTIMENT), 50)
    wanted = Wanted(task=Task.SENTIMENT, since=first[-1].created_at - timedelta(hours=9))

    plan = plans(full, lambda: list_answers(full, wanted, 50, first[-1].place))

    assert "ix_result_task_created_at" in plan, plan


def test_a_page_of_a_rare_label(full: Engine) -> None:
    wanted = Wanted(task=Task.SENTIMENT, label="rare")
    first = list_answers(full, wanted, 50)

    plan = plans(full, lambda: list_answers(full, wanted, 50, first[-1].place))

    assert len(first) == 50
    assert "ix_result_task_label_created_at" in plan, plan


def test_texts_with_a_name(full: Engine) -> None:
    wanted = Wanted(task=Task.TAGGING, entity="name 19999")  # so rare that no sample knows of it

    plan = plans(full, lambda: list_answers(full, wanted, 50))

    assert len(list_answers(full, wanted, 50)) == 2
    assert "ix_result_names" in plan, plan


@pytest.mark.parametrize(
    ("part", "found", "index"),
    [
        ("ME 1999", 20 + 2, "ix_entity_name_part"),
        (chr(20000 + 9999), 4, "ix_entity_name_characters"),
        ("北" + chr(20000 + 9999), 4, "ix_entity_name_characters"),
    ],
)
def test_texts_with_a_part_of_a_name(full: Engine, part: str, found: int, index: str) -> None:
    wanted = Wanted(task=Task.TAGGING, part=part)

    plan = plans(full, lambda: list_answers(full, wanted, 50))

    assert len(list_answers(full, wanted, 50)) == found
    assert count_answers(full, wanted) == found
    assert index in plan, plan
    assert "ix_result_names" in plan, plan
    assert "Seq Scan on entity_name" not in plan, plan
    counted = plans(full, lambda: count_answers(full, wanted))
    assert index in counted, counted
    assert "ix_result_names" in counted, counted


def test_texts_with_a_part_that_some_have(full: Engine) -> None:
    """Too rare to fill a page among the newest: names by the hundred are looked for."""
    wanted = Wanted(task=Task.TAGGING, part="me 19")

    plan = plans(full, lambda: list_answers(full, wanted, 900))

    assert len(list_answers(full, wanted, 900)) == 900
    assert "ix_result_names" in plan, plan


def test_texts_with_a_name_that_many_have(full: Engine) -> None:
    plan = plans(full, lambda: list_answers(full, Wanted(task=Task.TAGGING, entity="all"), 50))

    assert "ix_result_task_created_at" in plan, plan
