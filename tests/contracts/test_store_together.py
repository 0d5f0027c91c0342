"""Several at once: threads that record, end, claim and advance against each other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from schemas.record import Partition, Terminal
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, offsets, partition

__all__ = ["store_url", "world"]

OFFSETS = range(40)


def at_once(*work: Callable[[], object]) -> list[object]:
    """Run all of these as nearly at the same time as threads can."""
    gate = threading.Barrier(len(work))

    def wait_and_run(one: Callable[[], object]) -> object:
        gate.wait(10)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result() for future in [pool.submit(wait_and_run, one) for one in work]]


def test_every_claim_gets_an_epoch_of_its_own(world: World) -> None:
    fresh = partition(3)

    claims = at_once(*[lambda: world.ledger.claim(fresh, "x").epoch] * 8)

    assert sorted(map(int, map(str, claims))) == list(range(1, 9))


def test_copies_of_a_batch_leave_one_of_everything(world: World) -> None:
    answers = [world.answer(offset, f"job-{offset % 30}") for offset in OFFSETS]

    def copy(shift: int) -> Callable[[], object]:
        return lambda: world.record(*answers[shift:], *answers[:shift], attempt=shift + 1)

    at_once(*(copy(shift) for shift in range(6)))

    assert len(world.answered()) == 30
    assert len(world.ended()) == 10
    assert world.answered().keys() | world.ended().keys() == set(OFFSETS)


def test_one_job_from_many_partitions_has_one_answer(world: World) -> None:
    parts = [partition(number) for number in range(4)]
    epochs = {part: world.ledger.claim(part, "x").epoch for part in parts}

    def of(part: Partition) -> Callable[[], object]:
        answers = [
            world.answer(offset, f"job-{offset}", partition=part, epoch=epochs[part])
            for offset in OFFSETS
        ]
        return lambda: offsets(world.record(*answers).settled)

    results = at_once(*(of(part) for part in parts))

    assert results == [list(OFFSETS)] * 4
    ((answers,),) = world.rows("SELECT count(*) FROM result")
    ((duplicates,),) = world.rows("SELECT count(*) FROM ending WHERE state = 'DUPLICATE'")
    assert (answers, duplicates) == (40, 120)


def test_a_result_and_an_ending_never_meet(world: World) -> None:
    for offset in range(0, 60, 3):
        one = [world.answer(n) for n in range(offset, offset + 3)]
        end = [world.ending(n, Terminal.EXPIRED, "deadline") for n in range(offset, offset + 3)]
        at_once(
            lambda one=one: world.record(*one),  # type: ignore[misc]
            lambda end=end: world.ledger.end(end),  # type: ignore[misc]
            lambda one=one, end=end: world.record(one[0], endings=end[1:]),  # type: ignore[misc]
        )

    done, ended = set(world.answered()), set(world.ended())
    assert done | ended == set(range(60))
    assert not done & ended


def test_a_claim_sees_all_that_its_predecessor_stored(world: World) -> None:
    stored: set[int] = set()
    stop = threading.Event()

    def store() -> None:
        for offset in range(10_000):
            if stop.is_set() or not world.record(world.answer(offset)).settled:
                return
            stored.add(offset)
            world.ledger.advance({world.p: (world.epoch, 0)})

    def take() -> frozenset[int]:
        stop.wait(0.3)
        settled = world.ledger.claim(world.p, "second").settled
        stop.set()
        return settled

    _, seen = at_once(store, take)

    assert seen == stored == set(world.answered())
