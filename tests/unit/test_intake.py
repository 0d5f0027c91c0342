"""From the log to admitted deliveries, against a log and a store in memory.

Most tests drive the intake turn by turn, with the time as an argument; a few let its thread run.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from schemas.errors import UnavailableError
from schemas.record import Ending, Partition, Record, Terminal
from tests.unit import examples
from tests.unit.examples import partition, value
from tests.unit.fakes import MemoryLog, MemoryStore
from workers.core.admission import Waits, admit
from workers.core.alarm import WINDOW
from workers.core.books import Books
from workers.core.delivery import Delivery
from workers.core.events import Arrived, Claimed, Event, Lost, Reached
from workers.core.routing import Routing
from workers.intake import ALARM_PAUSE_S, RECLAIM_S, Intake
from workers.ports import Polled

P0, P1 = partition(0), partition(1)
WAITS = Waits(interactive=0.005, bulk=1.0)
VERSION = examples.version()
ROUTING = Routing([VERSION], [examples.route(VERSION)])


def admitted(record: Record, epoch: int) -> Delivery | Ending:
    return admit(record, epoch, ROUTING, WAITS, 0.0, 0.0)


class Reader:
    """An intake named `owner` and everything that it told."""

    def __init__(self, log: MemoryLog, store: MemoryStore, owner: str = "d1") -> None:
        self.events: list[Event] = []
        self.member = log.member(owner)
        self.intake = Intake(
            open_log=lambda: self.member,
            ledger=store,
            owner=owner,
            admit=admitted,
            tell=self.events.append,
            commit_interval_s=5.0,
        )
        self.intake.open()

    def turn(self, now: float = 0.0) -> list[Event]:
        """What a turn told."""
        before = len(self.events)
        self.intake.turn(now)
        return self.events[before:]


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog()
    made.create(P0)
    return made


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(VERSION)


def offsets(events: list[Event]) -> list[int]:
    return [o for event in events if isinstance(event, Arrived) for o, _, _ in event.outcomes]


def outcomes(events: list[Event]) -> list[object]:
    return [out for event in events if isinstance(event, Arrived) for _, _, out in event.outcomes]


def settle(store: MemoryStore, *at: int) -> None:
    for offset in at:
        store.states[P0, offset].append(Terminal.DONE)


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


def test_what_is_no_job_is_told_as_its_ending(log, store) -> None:
    log.append(P0, b"rubbish", None)
    reader = Reader(log, store)
    reader.turn()
    assert [each.reason for each in outcomes(reader.turn())] == ["not_json", "empty_record"]


def test_what_the_log_cannot_deliver_is_told_in_its_place(log, store) -> None:
    log.append(P0, *[value(f"{n}") for n in range(4)])
    log.undecodable = {(P0, 1), (P0, 2)}
    settle(store, 2)
    reader = Reader(log, store)
    reader.turn()
    events = reader.turn()
    assert offsets(events) == [0, 1, 2, 3]
    assert outcomes(events)[1].reason == "undecodable_record"
    assert outcomes(events)[2] is None


def test_a_choked_intake_reads_nothing_and_goes_on_where_it_stopped(log, store) -> None:
    reader = Reader(log, store)
    reader.turn()
    reader.intake.choke = True
    reader.turn()
    log.append(P0, value("a"))
    assert reader.turn() == []
    assert reader.member.paused == {P0}
    reader.intake.choke = False
    reader.turn()
    assert offsets(reader.turn()) == [0]


def test_a_partition_claimed_while_choked_stays_paused(log, store) -> None:
    log.append(P0, value("a"))
    reader = Reader(log, store)
    reader.intake.choke = True
    assert reader.turn() == [Claimed(P0, 1, 0)]
    assert reader.turn() == []
    reader.intake.choke = False
    reader.turn()
    assert offsets(reader.turn()) == [0]


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


def test_a_partition_full_of_rubbish_rests_and_the_others_go_on(log, store, caplog) -> None:
    log.create(P1)
    reader = Reader(log, store)
    reader.turn(0.0)
    log.append(P0, *[b"rubbish"] * WINDOW)
    reader.turn(1.0)
    assert "no jobs" in caplog.text
    assert reader.member.paused == {P0}
    log.append(P0, value("a"))
    log.append(P1, value("b"))
    assert offsets(reader.turn(2.0)) == [0]
    assert reader.turn(ALARM_PAUSE_S + 0.9) == []
    reader.turn(ALARM_PAUSE_S + 1.0)
    assert offsets(reader.turn(ALARM_PAUSE_S + 1.1)) == [WINDOW]


def test_a_fifth_of_rubbish_is_no_reason_to_rest(log, store) -> None:
    log.append(P0, *([value("a")] * 4 + [b"rubbish"]) * (WINDOW // 5))
    reader = Reader(log, store)
    reader.turn()
    reader.turn()
    assert reader.member.paused == set()


def test_offsets_are_committed_now_and_then_and_only_of_our_own_partitions(log, store) -> None:
    reader = Reader(log, store)
    reader.turn(100.0)
    reader.intake.committable = {P0: 3, P1: 9}
    reader.turn(104.0)
    assert log.committed == {}
    reader.turn(105.0)
    assert log.committed == {P0: 3}


def test_the_log_is_never_told_more_than_sql_knows(log, store) -> None:
    log.append(P0, *[value(f"{n}") for n in range(3)])
    reader, books = Reader(log, store), Books()
    reader.turn(0.0)
    books.claimed(P0, 1, 0)
    for offset in range(3):
        books.deliver(P0, offset, 1)
    for now, offset in enumerate((2, 0, 1)):
        books.settle(P0, offset)
        reader.intake.committable = books.committable
        reader.turn(10.0 * (now + 1))
        assert log.committed.get(P0, 0) <= store.next_offsets.get(P0, 0)
        marks = books.marks()
        books.marked(marks, store.advance(marks))
    assert log.committed == {P0: 1}
    assert store.next_offsets == {P0: 3}


def test_a_log_that_takes_no_commit_harms_nothing_and_is_told_again(log, store) -> None:
    reader = Reader(log, store)
    reader.intake.committable = {P0: 3}
    log.commits_fail = True
    reader.turn(100.0)
    log.commits_fail = False
    reader.turn(200.0)
    assert log.committed == {P0: 3}


def test_a_log_that_is_away_is_survived(log, store) -> None:
    reader = Reader(log, store)
    log.away = True
    assert reader.intake.turn(0.0) is False
    log.away = False
    assert reader.turn() == [Claimed(P0, 1, 0)]


def test_a_log_that_cannot_be_opened_is_the_callers_error(store) -> None:
    def unavailable() -> None:
        raise UnavailableError("no log")

    intake = Intake(
        open_log=unavailable,
        ledger=store,
        owner="d1",
        admit=admitted,
        tell=print,
        commit_interval_s=5.0,
    )
    with pytest.raises(UnavailableError):
        intake.start()
    intake.stop()


@contextmanager
def running(log: MemoryLog, store: MemoryStore, tell: Callable[[Event], None]) -> Iterator[Intake]:
    intake = Intake(
        open_log=lambda: log.member("d1"),
        ledger=store,
        owner="d1",
        admit=admitted,
        tell=tell,
        commit_interval_s=60.0,
    )
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


def test_the_thread_reads_what_comes_and_commits_before_it_leaves(store) -> None:
    log = MemoryLog(waits=True)
    log.create(P0)
    arrived = threading.Event()

    def tell(event: Event) -> None:
        if isinstance(event, Arrived):
            arrived.set()

    with running(log, store, tell) as intake:
        log.append(P0, value("a"))
        assert arrived.wait(5.0)
        intake.committable = {P0: 1}
    assert log.committed == {P0: 1}
    assert log.members == []
    assert intake.failure is None


def test_what_nobody_foresaw_ends_the_thread_and_is_kept(store) -> None:
    log = MemoryLog(waits=True)
    log.create(P0)
    told = threading.Event()

    def tell(event: Event) -> None:
        told.set()
        raise LookupError("a bug")

    with running(log, store, tell) as intake:
        assert told.wait(5.0)
    assert isinstance(intake.failure, LookupError)
    assert log.members == []


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


def test_a_position_without_records_is_told_after_them_and_only_of_a_claim(log, store) -> None:
    log.append(P0, value("a"))
    reader = Reader(log, store)
    poll = reader.member.poll

    def poll_with_positions(timeout_s: float) -> Polled:
        return msgspec.structs.replace(poll(timeout_s), positions={P0: 2, P1: 9})

    reader.turn()
    reader.member.poll = poll_with_positions
    arrived, reached = reader.turn()
    assert isinstance(arrived, Arrived)
    assert reached == Reached(P0, 2)
