"""Finding the text that kills its worker, and sparing its neighbours."""

import pytest

from tests.unit import examples
from tests.unit.examples import delivery
from workers.core.delivery import Delivery
from workers.core.isolation import STRIKES, Isolation

TEXTS = [delivery(offset) for offset in range(9)]


def search(isolation: Isolation, deadly: set[int]) -> tuple[list[Delivery], int]:
    """Try suspects until none is left; returns the guilty and how many workers died."""
    guilty, deaths = [], 0
    while (suspects := isolation.next()) is not None:
        if not {each.item.offset for each in suspects} & deadly:
            isolation.cleared(suspects)
            continue
        deaths += 1
        found = isolation.killed(suspects)
        guilty += [found] if found else []
    return guilty, deaths


@pytest.mark.parametrize("deadly", [set(), {0}, {4}, {8}, {0, 8}, {3, 4}, set(range(9))])
def test_exactly_the_deadly_texts_are_found(deadly: set[int]) -> None:
    isolation = Isolation()
    isolation.suspect(tuple(TEXTS))
    guilty, _ = search(isolation, deadly)
    assert {each.item.offset for each in guilty} == deadly
    assert not isolation.out
    assert len(isolation) == 0


def test_one_deadly_text_costs_a_death_for_each_halving_and_three_alone() -> None:
    isolation = Isolation()
    isolation.suspect(tuple(TEXTS[:8]))
    assert search(isolation, {5})[1] == 3 + STRIKES


def test_only_one_batch_of_suspects_is_out_at_a_time() -> None:
    isolation = Isolation()
    isolation.suspect((TEXTS[0],))
    isolation.suspect((TEXTS[1],))
    assert isolation.next() == (TEXTS[0],)
    assert isolation.next() is None
    isolation.cleared((TEXTS[0],))
    assert isolation.next() == (TEXTS[1],)


def test_what_could_not_be_tried_is_next_again_without_a_strike() -> None:
    isolation = Isolation()
    isolation.suspect((TEXTS[0],))
    for _ in range(10):
        suspects = isolation.next()
        assert suspects == (TEXTS[0],)
        isolation.give_back(suspects)


def test_surviving_once_wipes_out_earlier_strikes() -> None:
    isolation = Isolation()
    for _ in range(3):
        isolation.suspect((TEXTS[0],))
        for _ in range(STRIKES - 1):
            assert isolation.killed(isolation.next() or ()) is None
        isolation.cleared(isolation.next() or ())
        assert isolation.next() is None


def test_a_lost_partition_takes_its_suspects_away() -> None:
    gone = examples.partition(1)
    isolation = Isolation()
    isolation.suspect((TEXTS[0], delivery(1, at=gone)))
    isolation.suspect((delivery(2, at=gone),))
    isolation.drop(gone)
    assert isolation.next() == (TEXTS[0],)
    isolation.cleared((TEXTS[0],))
    assert isolation.next() is None


def test_when_all_suspects_were_lost_meanwhile_the_lane_is_free_again() -> None:
    isolation = Isolation()
    isolation.suspect((TEXTS[0],))
    isolation.next()
    assert isolation.killed(()) is None
    isolation.suspect((TEXTS[1],))
    assert isolation.next() == (TEXTS[1],)
