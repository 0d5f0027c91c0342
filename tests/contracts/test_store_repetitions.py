"""Jobs and records that have a result, among new ones: each batch is taken for new at first."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from schemas.record import Partition
from tests.contracts.entity_bench import dictionary, in_answers, tags
from tests.contracts.store_fixtures import on_postgres, store_url, world
from tests.contracts.store_world import World, offsets, partition
from workers.ports import Answer
from workers.sql import results
from workers.sql.repetitions import LASTING
from workers.sql.results import SqlResults

__all__ = ["on_postgres", "store_url", "world"]

SIZE = 50


@pytest.fixture
def inserts(on_postgres: World) -> Iterator[list[bool]]:
    """For each statement that inserted answers, whether it took all for new."""
    seen: list[bool] = []

    def note(*given: object) -> None:
        sql = str(given[2])
        if "INTO result " in sql:
            seen.append("ON CONFLICT" not in sql)

    event.listen(on_postgres.engine, "before_cursor_execute", note)
    yield seen
    event.remove(on_postgres.engine, "before_cursor_execute", note)


def claimed(world: World, number: int) -> tuple[Partition, int]:
    part = partition(number)
    return part, world.ledger.claim(part, "x").epoch


def batch(world: World, first: int, **fields: object) -> list[Answer]:
    return [world.answer(first + n, f"job-{first + n}", **fields) for n in range(SIZE)]  # type: ignore[arg-type]


def test_one_repeated_job_among_new_ones(world: World) -> None:
    world.record(world.answer(900, "job-20"))

    recorded = world.record(*batch(world, 0))

    assert offsets(recorded.settled) == list(range(SIZE))
    assert world.ended() == {20: ("DUPLICATE", "duplicate")}
    assert sorted(world.answered()) == [*(n for n in range(SIZE) if n != 20), 900]


def test_a_batch_that_comes_again(world: World) -> None:
    work = batch(world, 0)
    world.record(*work)
    before = world.everything()
    assert offsets(world.record(*work, attempt=2).settled) == list(range(SIZE))
    assert world.everything() == before

    other = SqlResults(world.engine)  # of another worker, which saw none before
    recorded = world.record(*work[10:], world.answer(99), writer=other)
    assert offsets(recorded.settled) == [*range(10, SIZE), 99]
    assert len(world.answered()) == SIZE + 1
    assert world.ended() == {}


def test_names_and_messages_of_a_batch_with_a_repetition(world: World) -> None:
    """Those of the new rows alone, once."""
    world.results = SqlResults(world.engine, streamed=True)
    world.record(tags(world, 0, "Acme", job_id="a"), tags(world, 1, "Known"))
    world.record(
        tags(world, 2, "Of nobody", job_id="a"), tags(world, 3, "New"), tags(world, 4, "Known")
    )

    assert world.ended() == {2: ("DUPLICATE", "duplicate")}
    assert dictionary(world.engine) == in_answers(world)
    assert {name for _, name in dictionary(world.engine)} == {"Acme", "Known", "New"}
    told = world.rows("SELECT record_offset FROM result_outbox ORDER BY id")
    assert told == [(0,), (1,), (3,), (4,)]
    world.record(tags(world, 5, "Of nobody"))
    assert dictionary(world.engine) == in_answers(world)


def test_a_repetition_beside_a_value_that_is_refused(world: World) -> None:
    world.record(world.answer(900, "job-7"))

    recorded = world.record(*batch(world, 0), world.answer(800, metadata={"k": "\ud800"}))

    assert offsets(recorded.settled) == [*range(SIZE), 800]
    assert world.ended() == {
        7: ("DUPLICATE", "duplicate"),
        800: ("QUARANTINED", "unstorable"),
    }


@pytest.mark.parametrize("streamed", [False, True])
def test_two_writers_of_the_same_jobs(world: World, streamed: bool) -> None:
    """From two partitions, at the same time, each with a batch in another order."""
    places = [claimed(world, number) for number in (1, 2)]
    gate = threading.Barrier(2)

    def write(place: tuple[Partition, int], turned: int) -> list[list[int]]:
        part, epoch = place
        writer = SqlResults(world.engine, streamed=streamed)
        settled = []
        for first in range(0, 10 * SIZE, SIZE):
            answers = batch(world, first, partition=part, epoch=epoch)
            gate.wait(30)
            answers = answers[turned:] + answers[:turned]
            settled.append(offsets(world.record(*answers, writer=writer).settled))
        return settled

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(write, place, 9 * n) for n, place in enumerate(places)]
        told = [one.result(60) for one in done]

    every = [list(range(first, first + SIZE)) for first in range(0, 10 * SIZE, SIZE)]
    assert told == [every, every]
    count = "SELECT count(*), count(DISTINCT job_id) FROM "
    assert world.rows(count + "result") == [(10 * SIZE, 10 * SIZE)]
    assert world.rows(count + "ending WHERE state = 'DUPLICATE'") == [(10 * SIZE, 10 * SIZE)]
    assert world.rows("SELECT count(*) FROM result_outbox") == [(10 * SIZE * streamed,)]


def test_new_rows_are_one_statement_and_repetitions_are_expected_for_a_while(
    on_postgres: World, inserts: list[bool]
) -> None:
    world = on_postgres
    for n in range(3):
        world.record(world.answer(n))
    assert inserts == [True] * 3

    del inserts[:]
    world.record(world.answer(0))  # again
    world.record(world.answer(1))
    assert inserts == [True, False, False]

    del inserts[:]
    for n in range(10, 10 + LASTING + 2):
        world.record(world.answer(n))
    assert inserts == [False] * LASTING + [True] * 2


def test_who_waits_for_another_writer_takes_what_that_one_leaves(
    on_postgres: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has inserted and not committed: the second waits; the first then fails."""
    world = on_postgres
    wrote, go_on = threading.Event(), threading.Event()
    original = results.insert_endings

    def fail(*given: object) -> None:
        if threading.current_thread().name.startswith("first"):
            wrote.set()
            assert go_on.wait(10)
            raise RuntimeError
        original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "insert_endings", fail)
    place, epoch = claimed(world, 1)
    with ThreadPoolExecutor(1, "first") as first, ThreadPoolExecutor(1, "second") as second:
        failing = first.submit(world.record, *batch(world, 0))
        assert wrote.wait(10)
        waiting = second.submit(world.record, *batch(world, 0, partition=place, epoch=epoch))
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
        go_on.set()
        with pytest.raises(RuntimeError):
            failing.result(10)
        assert offsets(waiting.result(10).settled) == list(range(SIZE))
    assert len(world.answered()) == SIZE
    assert world.ended() == {}
