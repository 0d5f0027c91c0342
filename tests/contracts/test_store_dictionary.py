"""The dictionary of names says what the answers say, whoever writes or removes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from schemas.tables import entity_name
from schemas.task import Task
from tests.contracts.entity_bench import dictionary, in_answers, jobs, tags
from tests.contracts.store_fixtures import on_postgres, store_url, world
from tests.contracts.store_world import World, partition
from workers.sql import maintenance, results, unused_names
from workers.sql.erasure import erase
from workers.sql.results import SqlResults

__all__ = ["on_postgres", "store_url", "world"]

LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("streamed", [False, True])
def test_names_are_written_with_the_rows_that_are_new(world: World, streamed: bool) -> None:
    world.results = SqlResults(world.engine, streamed=streamed)
    world.record(tags(world, 0, "Acme", "北京", "Acme"), tags(world, 1, "Acme", tenant="b"))
    world.record(tags(world, 0, "Of a redelivery"), tags(world, 2, "New"), world.answer(3))
    world.record(tags(world, 0, "Other's"), tags(world, 5, "Other's", tenant="b"))
    world.ledger.end([world.ending(4)])
    world.record(tags(world, 4, "Of an ended record"))

    assert dictionary(world.engine) == {
        ("default", "Acme"),
        ("default", "北京"),
        ("b", "Acme"),
        ("default", "New"),
        ("b", "Other's"),
    }
    told = world.rows("SELECT count(*) FROM result_outbox")
    assert told == [(5 * streamed,)]


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
