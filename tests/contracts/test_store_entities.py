"""Names in answers are found by a part of them."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from schemas.task import Task
from tests.contracts.entity_bench import dictionary, in_answers, jobs, tags
from tests.contracts.store_fixtures import on_postgres, store_url, world
from tests.contracts.store_world import World, manifest
from workers.sql import by_name, parts, trigrams
from workers.sql.engine import open_engine
from workers.sql.entity_names import LONGEST
from workers.sql.lookup import Wanted, count_answers, list_answers
from workers.sql.transaction import writing
from workers.sql.upgrade import upgrade

__all__ = ["on_postgres", "store_url", "world"]

LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(params=["newest", "farther", "index", "portions"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How PostgreSQL finds them: among the newest rows, then farther back; by the index, by it name
    after name."""
    if request.param != "newest":
        monkeypatch.setattr(by_name, "RECENT", 1)
    if request.param == "farther":
        monkeypatch.setattr(by_name, "_ANSWERS", text("SELECT 1000000"))
    if request.param == "portions":
        monkeypatch.setattr(parts, "PORTION", 1)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_answers_are_found_by_a_part_of_a_name(world: World) -> None:
    world.record(tags(world, 0, "Deutsche Bank"))
    world.record(tags(world, 1, "deutsche bahn", "100%_sure"))
    world.record(tags(world, 2, "北京大学", "Zürich"))
    world.record(tags(world, 3, "南京"), world.answer(5))
    world.record(tags(world, 4, "Пётр", "ab\\c"))
    assert jobs(world, "UTSCH") == {"job-0", "job-1"}
    assert jobs(world, "bank") == {"job-0"}
    assert jobs(world, "e B") == {"job-0", "job-1"}, "two letters and a blank"
    assert jobs(world, "京") == {"job-2", "job-3"}, "one character is enough"
    assert jobs(world, "京大") == jobs(world, "北京大") == {"job-2"}
    assert jobs(world, "大京") == set(), "in this order"
    assert jobs(world, "ZÜR") == {"job-2"}
    assert jobs(world, "пёт") == {"job-4"}
    assert jobs(world, "0%_s") == jobs(world, "%") == jobs(world, "_") == {"job-1"}
    assert jobs(world, "ur%ich") == jobs(world, "deutsch_") == set()
    assert jobs(world, "b\\c") == {"job-4"}
    assert jobs(world, "bank\nnone") == jobs(world, "' OR 1=1; --") == set()


@pytest.mark.usefixtures("way")
def test_a_part_goes_together_with_all_other_filters(world: World) -> None:
    world.record(tags(world, 0, "Acme One", tenant="a"), tags(world, 1, "Acme Two", lang="zh"))
    world.record(tags(world, 2, "Acme One", bulk_id="b"), tags(world, 3, "Acme Two", "Bcme"))
    world.record(tags(world, 4, "acme"), tags(world, 5, "Other"))

    assert jobs(world, "acme") == {f"job-{n}" for n in range(5)}
    assert jobs(world, "acme", tenant="a") == {"job-0"}
    assert jobs(world, "two", tenant="a") == set()
    assert jobs(world, "acme", lang="zh") == {"job-1"}
    assert jobs(world, "one", bulk_id="b") == {"job-2"}
    assert jobs(world, "bcm", entity="Acme Two") == {"job-3"}
    assert jobs(world, "acme", model="mood", version=1, since=LATER) == set()
    assert jobs(world, "acme", until=LATER) == {f"job-{n}" for n in range(5)}
    assert jobs(world, "none") == set()
    assert count_answers(world.engine, Wanted(part="acme")) == 5, "of all tasks"


@pytest.mark.usefixtures("way")
def test_a_part_goes_together_with_a_version(world: World) -> None:
    second = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
    world.record(tags(world, 0, "Acme"), tags(world, 1, "Other"))
    world.record(tags(world, 2, "Acme"), version=second)

    assert jobs(world, "acme", model="mood") == {"job-0", "job-2"}
    assert jobs(world, "acme", version=2) == {"job-2"}
    assert jobs(world, "acme", model="none") == set()


@pytest.mark.usefixtures("way")
def test_a_long_span_is_no_name(world: World) -> None:
    world.record(tags(world, 0, "x" * LONGEST), tags(world, 1, "x" * (LONGEST + 1)))

    assert jobs(world, "xxx") == {"job-0"}
    assert dictionary(world.engine) == in_answers(world)
    exactly = Wanted(task=Task.TAGGING, entity="x" * (LONGEST + 1))
    assert [one.job_id for one in list_answers(world.engine, exactly, 5)] == ["job-1"]


def test_without_trigrams_parts_are_found_as_well(on_postgres: World) -> None:
    with writing(on_postgres.engine) as connection:
        connection.execute(text("DROP EXTENSION pg_trgm CASCADE"))
    on_postgres.record(tags(on_postgres, 0, "Deutsche Bank"), tags(on_postgres, 1, "北京"))

    assert jobs(on_postgres, "UTSCH") == {"job-0"}
    assert jobs(on_postgres, "京") == {"job-1"}


def test_a_role_that_may_make_no_extension_is_told(postgres_url: str) -> None:
    """The schema is made without it; the next upgrade makes the index where it is there then."""
    admin = open_engine(postgres_url)
    role = f"owner_{uuid.uuid4().hex[:8]}"
    url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT CREATE ON SCHEMA public TO {role}"))
    try:
        upgrade(url)
        assert trigrams.is_missing(admin)
        with admin.begin() as connection:
            connection.execute(text("CREATE SCHEMA elsewhere"))
            connection.execute(text(f"GRANT USAGE ON SCHEMA elsewhere TO {role}"))
            connection.execute(text("CREATE EXTENSION pg_trgm SCHEMA elsewhere"))
        upgrade(url)
        assert not trigrams.is_missing(admin)
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role} CASCADE"))
            connection.execute(text(f"DROP ROLE {role}"))
        admin.dispose()
