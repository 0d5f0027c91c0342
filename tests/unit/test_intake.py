"""From the log to admitted deliveries, against a log and a store in memory.

Most tests drive the intake turn by turn, with the time as an argument; a few let its thread run.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from schemas.errors import UnavailableError
from tests.unit.examples import value
from tests.unit.fakes import MemoryLog, MemoryStore
from tests.unit.intake_rig import (
    P0,
    P1,
    Reader,
    admitted,
    log,
    offsets,
    outcomes,
    settle,
    store,
)
from workers.core.alarm import WINDOW
from workers.core.books import Books
from workers.core.events import Arrived, Claimed, Event, Reached
from workers.intake import ALARM_PAUSE_S, Intake
from workers.ports import Polled

__all__ = ["log", "store"]


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
