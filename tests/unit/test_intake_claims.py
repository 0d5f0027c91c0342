"""Partitions that an intake claims, loses and claims again, and where it goes on in them."""

import pytest

from schemas.record import Partition
from tests.unit.examples import partition, value
from tests.unit.fakes import MemoryLog
from tests.unit.intake_rig import P0, P1, Reader, log, offsets, outcomes, settle, store
from workers.core.delivery import Delivery
from workers.core.events import Claimed, Lost
from workers.intake import RECLAIM_S

__all__ = ["log", "store"]


def test_a_partition_is_claimed_before_anything_of_it_is_read(log, store) -> None:
    log.append(P0, value("a"), value("b"))
    reader = Reader(log, store)
    assert reader.turn() == [Claimed(P0, 1, 0)]
    assert offsets(reader.turn()) == [0, 1]
    assert all(isinstance(each, Delivery) for each in outcomes(reader.events))


def test_a_partition_never_claimed_begins_at_the_first_record_that_is_kept(store) -> None:
    log = MemoryLog()
    log.create(P0, first=7)
    assert Reader(log, store).turn() == [Claimed(P0, 1, 7)]


def test_a_successor_goes_on_at_sqls_watermark_not_at_the_logs_offset(log, store) -> None:
    log.append(P0, *[value(f"{n}") for n in range(5)])
    log.committed[P0] = 1
    store.claim(P0, "before")
    store.advance({P0: (1, 3)})
    reader = Reader(log, store)
    assert reader.turn() == [Claimed(P0, 2, 3)]
    assert offsets(reader.turn()) == [3, 4]


def test_offsets_settled_before_the_claim_are_told_as_such_and_not_admitted_again(
    log, store
) -> None:
    log.append(P0, value("a"), b"rubbish", value("c"))
    settle(store, 1)
    reader = Reader(log, store)
    reader.turn()
    first, second, third = outcomes(reader.turn())
    assert isinstance(first, Delivery)
    assert second is None
    assert isinstance(third, Delivery)


def test_a_partition_taken_away_is_told_as_lost(log, store) -> None:
    log.create(P1)
    reader = Reader(log, store)
    reader.turn()
    log.join("d2")
    events = reader.turn()
    assert Lost(P1) in events
    assert Claimed(P0, 2, 0) in events
    assert Claimed(P1, 2, 0) not in events


def test_a_partition_lost_and_gained_at_once_is_claimed_anew(log, store) -> None:
    reader = Reader(log, store)
    reader.turn()
    log.balance()
    assert reader.turn() == [Lost(P0), Claimed(P0, 2, 0)]


def test_the_next_owner_fences_the_one_that_does_not_know_yet(log, store) -> None:
    first = Reader(log, store, "d1")
    first.turn()
    log.members.remove("d1")
    second = Reader(log, store, "d2")
    assert second.turn() == [Claimed(P0, 2, 0)]
    assert store.advance({P0: (1, 0)}) == {P0}


def test_a_fenced_claim_is_dropped_at_once_and_renewed_after_a_pause(log, store) -> None:
    reader = Reader(log, store)
    reader.turn(0.0)
    store.claim(P0, "zombie")
    reader.intake.fence(P0)
    log.append(P0, value("a"))
    assert reader.turn(1.0) == [Lost(P0)]
    assert reader.turn(1.0 + RECLAIM_S - 0.1) == []
    assert reader.turn(1.0 + RECLAIM_S) == [Claimed(P0, 3, 0)]
    assert offsets(reader.turn(1.0 + RECLAIM_S)) == [0]


def test_fencing_a_partition_that_is_not_ours_any_more_does_nothing(log, store) -> None:
    reader = Reader(log, store)
    reader.intake.fence(P1)
    assert reader.turn() == [Claimed(P0, 1, 0)]


@pytest.mark.parametrize("mark", [3, 11])
def test_a_watermark_outside_the_log_stops_the_partition_and_says_so(mark, store, caplog) -> None:
    log = MemoryLog()
    log.create(P0, first=5)
    log.append(P0, *[value(f"{n}") for n in range(5)])
    store.next_offsets[P0] = mark
    reader = Reader(log, store)
    for now in (0.0, 1.0, RECLAIM_S, 2 * RECLAIM_S):
        assert reader.turn(now) == []
    assert "records are missing" in caplog.text
    store.next_offsets[P0] = 6
    assert reader.turn(3 * RECLAIM_S)[0].next_offset == 6


@pytest.mark.parametrize("mark", [5, 10])
def test_a_watermark_at_either_end_of_the_log_is_right(mark, store) -> None:
    log = MemoryLog()
    log.create(P0, first=5)
    log.append(P0, *[value(f"{n}") for n in range(5)])
    store.next_offsets[P0] = mark
    assert Reader(log, store).turn() == [Claimed(P0, 1, mark)]


def test_without_the_store_nothing_is_claimed_and_polling_goes_on(log, store) -> None:
    log.create(P1)
    reader = Reader(log, store)
    store.away = True
    assert reader.turn(0.0) == []
    assert store.calls["claim"] == 1, "asked once for all partitions"
    for step in range(10):
        assert reader.turn(step * 0.1) == []
        assert reader.intake.ticked_at == step * 0.1
    assert store.calls["claim"] == 1
    store.away = False
    assert len(reader.turn(RECLAIM_S)) == 2


def test_a_partition_taken_away_before_it_could_be_claimed_is_not_claimed(log, store) -> None:
    reader = Reader(log, store)
    store.away = True
    reader.turn(0.0)
    log.leave("d1")
    log.join("d2")
    log.members.append("d1")
    store.away = False
    assert reader.turn(RECLAIM_S) == []


def test_two_readers_never_hold_the_same_claim(store) -> None:
    log = MemoryLog()
    for number in range(4):
        log.create(partition(number))
    readers = [Reader(log, store, "d1"), Reader(log, store, "d2")]
    holders: dict[Partition, tuple[str, int]] = {}
    for now, _ in enumerate(range(6)):
        log.balance(now)
        for name, reader in zip(("d1", "d2"), readers, strict=True):
            for event in reader.turn(float(now)):
                if isinstance(event, Claimed):
                    assert event.epoch > holders.get(event.partition, ("", 0))[1]
                    holders[event.partition] = (name, event.epoch)
    assert {name for name, _ in holders.values()} == {"d1", "d2"}
    assert {p: epoch for p, (_, epoch) in holders.items()} == store.epochs
