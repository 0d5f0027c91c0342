"""Which batches are out, and which of them are lost and why."""

import msgspec
import pytest

from tests.unit.examples import delivery, flight, worker
from workers.core.flight import Loss
from workers.core.flights import CREDITS, UNABLE_S, Flights

LEASE, PATIENCE = 60.0, 5.0


def flights(*workers: str, at: float = 0.0) -> Flights:
    made = Flights(lease_s=LEASE, patience_s=PATIENCE)
    made.see([worker(name) for name in workers], at)
    return made


def losses(made: Flights, now: float) -> list[Loss]:
    return [loss for _, loss in made.lost(now)]


def test_the_least_loaded_worker_is_offered_first_and_a_loaded_one_not_at_all() -> None:
    made = flights("w1", "w2", "w3")
    for number, name in enumerate(["w1", "w1", "w1", "w2"]):
        made.send(flight(batch_id=f"b{number}", worker_id=name))
    assert CREDITS == 3
    assert [w.worker_id for w in made.open_workers(0.0)] == ["w3", "w2"]
    assert [made.load(name) for name in made.alive()] == [3, 1, 0]


def test_a_batch_lands_once() -> None:
    made = flights("w1")
    sent = flight(delivery())
    made.send(sent)
    assert made.land("b1") is sent
    assert made.land("b1") is None
    assert len(made) == 0


def test_a_device_goes_on_while_its_last_batch_is_written() -> None:
    made = flights()
    for name in ("b1", "b2", "b3"):
        made.send(msgspec.structs.replace(flight(sent_at=0.0), batch_id=name, seconds=1.0))
    assert made.ahead_s("w1", 0.5) == 2.5
    made.land("b1", left_at=1.0)  # told at 1.6, when it was written
    assert made.ahead_s("w1", 1.6) == pytest.approx(1.4)
    assert made.ahead_s("w1", 2.4) == pytest.approx(0.6), "the second is being written"


def test_a_batch_is_not_lost_while_its_worker_runs_it() -> None:
    made = flights("w1")
    made.send(flight())
    for now in range(int(LEASE)):
        made.see([worker("w1", running="b1")], now)
        assert losses(made, now) == []


def test_a_staged_batch_is_not_lost_while_its_worker_runs_another() -> None:
    made = flights("w1")
    made.send(flight(batch_id="b2"))
    made.see([worker("w1", running="b1")], 50.0)
    assert losses(made, 50.0) == []


@pytest.mark.parametrize(
    ("running", "silent", "loss"),
    [
        ("b1", True, Loss.WORKER_DIED_RUNNING_IT),
        ("b2", True, Loss.WORKER_GONE),
        (None, True, Loss.WORKER_GONE),
        (None, False, Loss.HAND_OVER),
    ],
)
def test_how_a_batch_is_lost(running: str | None, silent: bool, loss: Loss) -> None:
    made = flights()
    made.see([worker("w1", running)], 0.0)
    made.send(flight(sent_at=0.0))
    made.see([] if silent else [worker("w1", running)], PATIENCE)
    assert losses(made, PATIENCE) == []
    assert losses(made, PATIENCE + 0.1) == [loss]


def test_a_batch_that_was_parsed_while_its_worker_died_is_suspect_too() -> None:
    made = flights()
    state = msgspec.structs.replace(worker("w1", running="b0"), following="b1")
    made.see([state], 0.0)
    made.send(flight(sent_at=0.0))
    made.see([], PATIENCE)
    assert losses(made, PATIENCE + 0.1) == [Loss.WORKER_DIED_PARSING_IT]


def test_a_lease_ends_when_the_worker_runs_something_else() -> None:
    made = flights()
    made.send(flight(sent_at=0.0))
    for now, found in ((LEASE, []), (LEASE + 1, [Loss.LEASE_OVER])):
        made.see([worker("w1", running="b2")], now)
        assert losses(made, now) == found


def test_a_worker_hangs_when_it_runs_one_batch_for_longer_than_a_lease() -> None:
    made = flights()
    made.send(flight(sent_at=0.0))
    for seconds, found in ((0.0, []), (LEASE, []), (LEASE + 1, [Loss.WORKER_HANGS_IN_IT])):
        made.see([worker("w1", running="b1")], 50.0 + seconds)
        assert losses(made, 50.0 + seconds) == found


def test_a_worker_that_hangs_is_offered_again_when_it_is_out_of_the_batch() -> None:
    made = flights()
    made.send(flight(sent_at=0.0))
    made.see([worker("w1", running="b1")], 0.0)
    made.see([worker("w1", running="b1")], LEASE + 1)
    assert losses(made, LEASE + 1) == [Loss.WORKER_HANGS_IN_IT]
    made.land("b1")
    assert made.open_workers(0.0) == made.alive() == []
    made.see([worker("w1", running=None)], LEASE + 2)
    assert [w.worker_id for w in made.open_workers(0.0)] == ["w1"]


def test_a_batch_is_not_lost_while_its_worker_writes() -> None:
    made = flights()
    made.send(flight(sent_at=0.0))
    made.see([msgspec.structs.replace(worker("w1"), writing=("b1",))], 3 * PATIENCE)
    assert losses(made, 3 * PATIENCE + 1) == []


def test_a_worker_that_could_not_answer_comes_last_for_that_version_for_a_while() -> None:
    made = flights("w1", "w2")
    made.unable("w1", 7, now=0.0)
    everyone = made.open_workers(0.0)
    assert made.choose(everyone, 7, now=1.0).worker_id == "w2"
    assert made.choose(everyone, 8, now=1.0).worker_id == "w1"
    assert made.choose(everyone[:1], 7, now=1.0).worker_id == "w1"
    assert made.choose(everyone, 7, now=UNABLE_S + 1).worker_id == "w1"


def test_not_being_able_to_ask_says_nothing_against_the_workers() -> None:
    made = flights("w1")
    made.send(flight())
    for now in (4.0, 8.0, 12.0):
        made.blind(now)
    made.see([], 12.0)
    assert losses(made, 16.0) == []
    assert losses(made, 17.1) == [Loss.WORKER_GONE]


def test_a_worker_that_comes_back_in_time_keeps_its_batch() -> None:
    made = flights("w1")
    made.send(flight())
    made.see([], 3.0)
    made.see([worker("w1", running="b1")], 4.9)
    assert losses(made, 8.0) == []


def test_a_batch_sent_to_a_worker_never_seen_is_given_up() -> None:
    made = flights()
    made.send(flight(worker_id="stranger", sent_at=1.0))
    assert losses(made, 6.0) == []
    assert losses(made, 6.1) == [Loss.WORKER_GONE]


def test_workers_long_gone_are_forgotten() -> None:
    made = flights("w1")
    made.see([], 1.0)
    made.lost(10 * PATIENCE + 1)
    made.send(flight(sent_at=100.0))
    assert losses(made, 100.0) == []  # judged by the batch's own age, as a worker never seen
