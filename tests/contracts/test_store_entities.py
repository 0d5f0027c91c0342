"""Names in answers: found by a part of them, and kept in a dictionary that says no more and no less
than the answers do."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, make_url, text

from schemas.prediction import Prediction, Span
from schemas.tables import entity_name
from schemas.task import Task
from tests.contracts.store_fixtures import on_postgres, store_url, world
from tests.contracts.store_world import World, partition
from workers.ports import Answer
from workers.sql import by_name, maintenance, results, trigrams, unused_names
from workers.sql.engine import open_engine
from workers.sql.entity_names import LONGEST
from workers.sql.erasure import erase
from workers.sql.lookup import Wanted, count_answers, list_answers
from workers.sql.place import Place
from workers.sql.results import SqlResults
from workers.sql.transaction import writing
from workers.sql.upgrade import upgrade

__all__ = ["on_postgres", "store_url", "world"]

LATER = datetime.now(UTC) + timedelta(hours=1)


def named(*names: str) -> Prediction:
    """Tags with these names."""
    spans = tuple(Span(start=0, end=len(name), label="ORG", text=name) for name in names)
    return Prediction(tokens=1, spans=spans)


def tags(world: World, offset: int, *names: str, **fields: object) -> Answer:
    return world.answer(offset, said=named(*names), task=Task.TAGGING, **fields)  # type: ignore[arg-type]


def jobs(world: World, part: str, **restriction: object) -> set[str]:
    """The jobs that a part of a name finds: in pages of two, and as many as are counted."""
    wanted = Wanted(task=Task.TAGGING, part=part, **restriction)  # type: ignore[arg-type]
    found: list[str] = []
    place: Place | None = None
    while page := list_answers(world.engine, wanted, 2, place):
        found += [answer.job_id for answer in page]
        place = page[-1].place
    assert len(set(found)) == len(found) == count_answers(world.engine, wanted)
    return set(found)


def dictionary(engine: Engine) -> set[tuple[str, str]]:
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text("SELECT * FROM entity_name"))}


def in_answers(world: World) -> set[tuple[str, str]]:
    """What the dictionary must be."""
    names = "json_each(names)" if world.engine.dialect.name == "sqlite" else "unnest(names)"
    value = "value" if world.engine.dialect.name == "sqlite" else "n"
    rows = world.rows(f"SELECT tenant, {value} FROM result CROSS JOIN {names} AS n")
    return {(tenant, name) for tenant, name in rows if len(name) <= LONGEST}


@pytest.fixture(params=["newest", "index", "portions"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How PostgreSQL finds them: among the newest rows, by the index, by it name after name."""
    if request.param != "newest":
        monkeypatch.setattr(by_name, "RECENT", 1)
    if request.param == "portions":
        monkeypatch.setattr(by_name, "_AT_ONCE", 1)
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
def test_a_long_span_is_no_name(world: World) -> None:
    world.record(tags(world, 0, "x" * LONGEST), tags(world, 1, "x" * (LONGEST + 1)))

    assert jobs(world, "xxx") == {"job-0"}
    assert dictionary(world.engine) == in_answers(world)
    exactly = Wanted(task=Task.TAGGING, entity="x" * (LONGEST + 1))
    assert [one.job_id for one in list_answers(world.engine, exactly, 5)] == ["job-1"]


@pytest.mark.parametrize("streamed", [False, True])
def test_names_are_written_with_the_rows_that_are_new(world: World, streamed: bool) -> None:
    world.results = SqlResults(world.engine, streamed=streamed)
    world.record(tags(world, 0, "Acme", "北京", "Acme"), tags(world, 1, "Acme", tenant="b"))
    world.record(tags(world, 0, "Of a redelivery"), tags(world, 2, "New"), world.answer(3))
    world.ledger.end([world.ending(4)])
    world.record(tags(world, 4, "Of an ended record"))

    assert dictionary(world.engine) == {
        ("default", "Acme"),
        ("default", "北京"),
        ("b", "Acme"),
        ("default", "New"),
    }
    told = world.rows("SELECT count(*) FROM result_outbox")
    assert told == [(4 * streamed,)]


def test_an_erased_job_takes_the_names_along_that_it_alone_had(world: World) -> None:
    world.record(tags(world, 0, "Secret", "Shared", job_id="j"), tags(world, 1, "Shared"))
    world.record(tags(world, 2, "Secret", tenant="other"))

    erase(world.engine, "default", "j")

    assert dictionary(world.engine) == {("default", "Shared"), ("other", "Secret")}
    assert jobs(world, "secret", tenant="default") == set()
    world.record(tags(world, 0, "Secret", job_id="j"))
    assert dictionary(world.engine) == in_answers(world), "a late copy brings nothing back"
    world.record(tags(world, 9, "Secret"))
    assert jobs(world, "secret", tenant="default") == {"job-9"}


def test_a_writer_that_knows_a_name_writes_it_again_when_it_has_left(world: World) -> None:
    """Who writes does not know that another process has erased."""
    for offset in range(2):
        world.record(tags(world, offset, "Acme", job_id=f"j{offset}"))
    erase(world.engine, "default", "j0")
    erase(world.engine, "default", "j1")
    assert dictionary(world.engine) == set()

    world.record(tags(world, 2, "Acme"))
    assert dictionary(world.engine) == {("default", "Acme")}


def test_a_name_of_a_row_that_was_not_written_is_not_taken_for_known(world: World) -> None:
    world.record(tags(world, 0, "Acme"))
    world.record(tags(world, 0, "Of a redelivery"))
    world.record(tags(world, 1, "Of a redelivery"))

    assert dictionary(world.engine) == in_answers(world)
    assert ("default", "Of a redelivery") in dictionary(world.engine)


def test_a_known_name_is_not_written_again(on_postgres: World) -> None:
    world = on_postgres
    world.record(tags(world, 0, "Acme"))
    with world.engine.begin() as connection:
        connection.execute(delete(entity_name))

    world.record(tags(world, 1, "Acme", "New"))
    assert dictionary(world.engine) == {("default", "New")}


@pytest.mark.parametrize("portion", [1, 5000])
def test_names_leave_with_the_last_answer(
    world: World, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unused_names, "PORTION", portion)
    world.record(tags(world, 0, "Old", "Both"), tags(world, 1, "Old", tenant="b"))
    world.record(tags(world, 2, "Both", "New"))
    world.ledger.advance({world.p: (world.epoch, 2)})
    before = datetime(2020, 1, 1, tzinfo=UTC)

    assert maintenance.old_rows(world.engine, before)["entity_name"] == 0
    assert maintenance.remove_old_rows(world.engine, before)["entity_name"] == 0
    assert maintenance.old_rows(world.engine, LATER)["entity_name"] == 2
    assert len(dictionary(world.engine)) == 4, "they were counted alone"
    assert maintenance.remove_old_rows(world.engine, LATER)["entity_name"] == 2
    assert (
        dictionary(world.engine) == in_answers(world) == {("default", "Both"), ("default", "New")}
    )


def test_a_refused_row_leaves_no_name(world: World) -> None:
    """A value that PostgreSQL refuses: its neighbours are kept, by halves."""
    bad = tags(world, 1, "Bad", metadata={"a": "\ud800"})
    world.record(tags(world, 0, "Good"), bad, tags(world, 2, "Fine"))

    assert dictionary(world.engine) == in_answers(world)
    assert ("default", "Good") in dictionary(world.engine)


def test_a_name_is_not_removed_under_a_writer(on_postgres: World) -> None:
    """Between a writer's look at the dictionary and its commit, an erasure waits."""
    world = on_postgres
    world.record(tags(world, 0, "Acme", job_id="j"))
    other = partition(1, Task.TAGGING)
    epoch = world.ledger.claim(other, "first").epoch
    wrote, go_on = threading.Event(), threading.Event()
    original = results.insert_endings

    def slowly(*given: object) -> None:
        if threading.current_thread().name.startswith("writer"):
            wrote.set()
            assert go_on.wait(10)
        original(*given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2, "writer") as writer:
        patch.setattr(results, "insert_endings", slowly)
        writing = writer.submit(world.record, tags(world, 1, "Acme", partition=other, epoch=epoch))
        assert wrote.wait(10)
        with ThreadPoolExecutor(1, "eraser") as eraser:
            erasing = eraser.submit(erase, world.engine, "default", "j")
            with pytest.raises(TimeoutError):
                erasing.result(0.5)
            go_on.set()
            assert erasing.result(10).answers == 1
        writing.result(10)
    assert dictionary(world.engine) == in_answers(world) == {("default", "Acme")}


def test_writers_and_removers_together(on_postgres: World) -> None:
    """Four write the same names in other orders, two remove: nobody fails, and all is exact."""
    world, names = on_postgres, [f"name {n}" for n in range(40)]
    places = [partition(number, Task.TAGGING) for number in range(4)]
    epochs = [world.ledger.claim(place, "first").epoch for place in places]

    def write(which: int) -> None:
        for batch in range(25):
            order = names[(7 * which + batch) % 40 :] + names[: (7 * which + batch) % 40]
            world.record(
                *(
                    tags(
                        world,
                        10 * batch + n,
                        *(order if which % 2 else order[::-1])[n : n + 4],
                        job_id=f"{which}-{batch}-{n}",
                        partition=places[which],
                        epoch=epochs[which],
                    )
                    for n in range(10)
                )
            )

    def clear(which: int) -> None:
        for batch in range(25):
            erase(world.engine, "default", f"{which}-{batch}-{which}")
            unused_names.remove(world.engine, LATER)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(write, n) for n in range(4)] + [
            pool.submit(clear, n) for n in range(2)
        ]:
            done.result(60)
    assert len(world.answered()) > 200
    assert dictionary(world.engine) == in_answers(world)


def test_a_writer_that_fails_leaves_no_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(results, "insert_endings", fail)
    with pytest.raises(RuntimeError):
        world.record(tags(world, 0, "Acme"))
    assert dictionary(world.engine) == set()


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
