"""The dispatcher's mind: news in, sendings out. Each test is a short story without a clock."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.batch import Completion, Failure
from schemas.record import Partition, Terminal
from tests.unit import examples
from tests.unit.examples import delivery, key, partition, worker
from workers.core.batcher import Batcher
from workers.core.costs import Costs
from workers.core.delivery import Delivery
from workers.core.endings import invalid
from workers.core.events import Arrived, Claimed, Lost, Reached
from workers.core.flights import Flight, Flights
from workers.core.formed import Limits
from workers.core.isolation import STRIKES
from workers.core.retries import PATIENCE
from workers.core.scheduler import Scheduler
from workers.ports import Profile

P0, P1 = partition(0), partition(1)
LEASE_S, PATIENCE_S = 60.0, 5.0


class Story:
    """A scheduler, the workers that live, and what it sent so far."""

    def __init__(self, *workers: str, max_batch: int = 4, known: Sequence[Profile] = ()) -> None:
        self.scheduler = Scheduler(
            batcher=Batcher(Limits(max_batch=max_batch, token_budget=10_000)),
            flights=Flights(lease_s=LEASE_S, patience_s=PATIENCE_S),
            costs=Costs(10_000, known),
        )
        self.now = 0.0
        self.workers = {name: worker(name) for name in workers}
        self.look()

    @property
    def quiet(self) -> bool:
        return not (self.scheduler.books.jobs or self.scheduler.flying)

    def look(self) -> None:
        self.scheduler.see(list(self.workers.values()), self.now)

    def claim(self, at: Partition = P0, epoch: int = 1, start: int = 0) -> None:
        self.scheduler.receive(Claimed(at, epoch, start))

    def arrive(self, *arrived: Delivery) -> None:
        for each in arrived:
            outcome = (each.item.offset, each.size, each)
            self.scheduler.receive(Arrived(each.item.partition, [outcome]))

    def send(self) -> list[Flight]:
        sendings = self.scheduler.sendings(self.now)
        for to, flight in sendings:
            self.workers[to.worker_id] = worker(to.worker_id, running=flight.batch_id)
        return [flight for _, flight in sendings]

    def finish(self, flight: Flight, **lists: object) -> frozenset[Partition]:
        lists = lists or {"settled": tuple(map(key, flight.deliveries))}
        self.workers[flight.worker_id] = worker(flight.worker_id)
        self.look()
        report = Completion(batch_id=flight.batch_id, worker_id=flight.worker_id, **lists)
        return self.scheduler.land(report, self.now)

    def die(self, flight: Flight, successor: str) -> None:
        """The worker dies running this batch; after a while another one is there."""
        self.look()
        del self.workers[flight.worker_id]
        self.workers[successor] = worker(successor)
        self.wait(PATIENCE_S + 1)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.look()

    def marks(self) -> dict[Partition, tuple[int, int]]:
        return self.scheduler.books.marks()


def offsets(flights: list[Flight]) -> list[list[int]]:
    return [[each.item.offset for each in flight.deliveries] for flight in flights]


def jobs(count: int, at: Partition = P0, **fields: object) -> list[Delivery]:
    return [delivery(offset, at=at, **fields) for offset in range(count)]


def test_an_idle_worker_gets_what_there_is_and_the_mark_moves_when_sql_has_it() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(3))
    (flight,) = story.send()
    assert offsets([flight]) == [[0, 1, 2]]
    assert story.marks() == {P0: (1, 0)}
    story.finish(flight)
    assert story.marks() == {P0: (1, 3)}
    assert story.quiet


def test_a_worker_gets_one_batch_to_run_and_one_to_stage_and_no_more() -> None:
    story = Story("w1", max_batch=2)
    story.claim()
    story.arrive(*jobs(7))
    assert offsets(story.send()) == [[0, 1], [2, 3]]
    assert story.scheduler.flying == 2


def test_two_workers_share() -> None:
    story = Story("w1", "w2", max_batch=2)
    story.claim()
    story.arrive(*jobs(4))
    assert {flight.worker_id for flight in story.send()} == {"w1", "w2"}


def test_without_workers_nothing_is_sent_and_batches_grow() -> None:
    story = Story()
    story.claim()
    story.arrive(*jobs(3))
    assert story.send() == []
    story.workers["w1"] = worker("w1")
    story.look()
    assert offsets(story.send()) == [[0, 1, 2]]


def test_a_record_settled_before_the_claim_is_passed_over() -> None:
    story = Story("w1")
    story.claim(start=5)
    story.scheduler.receive(Arrived(P0, [(5, 10, None), (8, 10, None)]))
    assert story.send() == []
    assert story.marks() == {P0: (1, 9)}


def test_an_ending_moves_the_mark_only_once_it_is_written() -> None:
    story = Story("w1")
    story.claim()
    ending = invalid(examples.record(0), 1, "not_json", "")
    story.scheduler.receive(Arrived(P0, [(0, 9, ending)]))
    books = story.scheduler.books
    assert books.endings(10) == [ending]
    assert story.marks() == {P0: (1, 0)}
    books.ended([ending], frozenset())
    assert books.endings(10) == []
    assert story.marks() == {P0: (1, 1)}


def test_an_ending_that_was_fenced_moves_no_mark_of_a_later_claim() -> None:
    story = Story("w1")
    story.claim()
    ending = invalid(examples.record(0), 1, "not_json", "")
    story.scheduler.receive(Arrived(P0, [(0, 9, ending)]))
    story.scheduler.receive(Lost(P0))
    story.claim(epoch=2)
    story.arrive(delivery(0, epoch=2))
    story.scheduler.books.ended([ending], frozenset({P0}))
    assert story.marks() == {P0: (2, 0)}


def test_marks_that_sql_has_are_not_written_again_but_fenced_ones_are_not_committed() -> None:
    story = Story("w1")
    story.claim(P0)
    story.claim(P1)
    books = story.scheduler.books
    books.marked(books.marks(), frozenset({P1}))
    assert books.committable == {P0: 0}
    assert books.marks() == {P1: (1, 0)}


def test_a_batch_lost_on_the_way_is_sent_again_as_a_second_attempt() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (first,) = story.send()
    story.workers["w1"] = worker("w1")
    story.wait(PATIENCE_S + 1)
    (second,) = story.send()
    assert second.deliveries == first.deliveries
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.batch_id != first.batch_id
    assert story.scheduler.counts["lost_in_hand_over"] == 1


def test_a_late_report_of_a_batch_given_up_still_counts() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (first,) = story.send()
    story.workers["w1"] = worker("w1")
    story.wait(PATIENCE_S + 1)
    (second,) = story.send()
    story.finish(first)
    assert story.marks() == {P0: (1, 2)}
    story.finish(second)
    story.finish(second)
    assert story.quiet


def test_the_staged_batch_of_a_dead_worker_is_sent_again_without_suspicion() -> None:
    story = Story("w1", max_batch=1)
    story.claim()
    story.arrive(*jobs(2))
    running, _ = story.send()
    story.workers["w1"] = worker("w1", running=running.batch_id)
    story.die(running, "w2")
    assert story.scheduler.counts["worker_gone"] == 1
    assert story.scheduler.counts["worker_died_running_it"] == 1
    assert [(f.isolated, *offsets([f])) for f in story.send()] == [(True, [0])]


def test_what_was_parsed_behind_a_batch_that_killed_is_tried_alone() -> None:
    story = Story("w1", max_batch=1)
    story.claim()
    story.arrive(*jobs(2))
    running, behind = story.send()
    state = worker("w1", running=running.batch_id)
    story.workers["w1"] = msgspec.structs.replace(state, following=behind.batch_id)
    story.die(running, "w2")
    assert story.scheduler.counts["worker_died_parsing_it"] == 1
    (first,) = story.send()
    story.finish(first)
    (second,) = story.send()
    assert (first.isolated, second.isolated) == (True, True)


def test_one_alone_is_not_blamed_for_what_another_dispatcher_had_running() -> None:
    story = Story("w0")
    story.claim()
    story.arrive(*jobs(1))
    (flight,) = story.send()
    story.die(flight, "w1")
    for number in range(1, 2 * STRIKES):
        (alone,) = story.send()
        state = worker(alone.worker_id, running="of another dispatcher")
        story.workers[alone.worker_id] = msgspec.structs.replace(state, following=alone.batch_id)
        story.die(alone, f"w{number + 1}")
    assert story.scheduler.books.endings(10) == []
    (again,) = story.send()
    story.finish(again)
    assert story.quiet


def test_suspects_have_a_worker_to_themselves_while_others_go_on() -> None:
    story = Story("w1", "w2")
    story.claim()
    story.arrive(*jobs(2))
    (deadly,) = story.send()
    story.die(deadly, "w3")
    story.arrive(*[delivery(offset) for offset in (2, 3)])
    flights = story.send()
    assert [(f.worker_id, f.isolated) for f in flights] == [("w2", True), ("w3", False)]
    story.arrive(*[delivery(offset) for offset in (4, 5, 6, 7)])
    assert {f.worker_id for f in story.send()} == {"w3"}


@pytest.mark.parametrize("deadly", [0, 2, 3])
def test_the_deadly_text_is_quarantined_and_its_neighbours_are_answered(deadly: int) -> None:
    story = Story("w0")
    story.claim()
    story.arrive(*jobs(4))
    for death in range(1, 20):
        for flight in story.send():
            if deadly in offsets([flight])[0]:
                story.die(flight, f"w{death}")
            else:
                story.finish(flight)
    (ending,) = story.scheduler.books.endings(10)
    assert (ending.offset, ending.state) == (deadly, Terminal.QUARANTINED)
    assert ending.reason == "kills_worker"
    assert story.scheduler.books.jobs == 1
    assert story.scheduler.counts["worker_died_running_it"] == 1 + 2 + STRIKES


def test_a_worker_that_dies_for_another_reason_costs_one_quiet_retry() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(3))
    (flight,) = story.send()
    story.die(flight, "w2")
    (again,) = story.send()
    assert again.isolated
    story.finish(again)
    assert story.quiet


def test_a_failed_text_is_tried_again_later_and_its_neighbours_are_not() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(3))
    (flight,) = story.send()
    failed = (Failure(P0, 1, "out_of_memory"),)
    story.finish(flight, settled=((P0, 0), (P0, 2)), failed=failed)
    assert story.send() == []
    assert story.marks() == {P0: (1, 1)}
    story.wait(0.3)
    assert offsets(story.send()) == [[1]]


def test_what_a_report_does_not_mention_is_tried_again() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (flight,) = story.send()
    story.finish(flight, settled=((P0, 0),))
    story.wait(0.3)
    assert offsets(story.send()) == [[1]]


def test_a_text_that_no_model_answers_is_quarantined_in_the_end() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    for _ in range(PATIENCE):
        (flight,) = story.send()
        story.finish(flight, failed=(Failure(P0, 0, "model_unavailable"),), error="no model")
        story.wait(6.0)
    assert story.send() == []
    (ending,) = story.scheduler.books.endings(10)
    assert (ending.state, ending.reason) == (Terminal.QUARANTINED, "model_unavailable")


def test_a_store_that_is_away_condemns_nothing() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    for _ in range(5 * PATIENCE):
        (flight,) = story.send()
        story.finish(flight, failed=(Failure(P0, 0, "store_unavailable"),))
        story.wait(6.0)
    (flight,) = story.send()
    story.finish(flight)
    assert story.quiet


def test_a_retry_is_dropped_when_a_late_copy_was_answered_meanwhile() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    (flight,) = story.send()
    story.finish(flight, failed=(Failure(P0, 0, "store_unavailable"),))
    story.finish(flight, settled=((P0, 0),))
    story.wait(6.0)
    assert story.send() == []
    assert story.quiet


def test_a_lost_partition_is_forgotten_everywhere() -> None:
    story = Story("w1", max_batch=1)
    story.claim()
    story.arrive(*jobs(4))
    running, staged = story.send()
    story.finish(running, failed=(Failure(P0, 0, "store_unavailable"),))
    story.scheduler.receive(Lost(P0))
    assert story.scheduler.books.jobs == 0
    story.finish(staged, failed=(Failure(P0, 1, "store_unavailable"),))
    story.wait(6.0)
    assert story.send() == []
    assert story.quiet
    assert story.marks() == {}


def test_records_of_a_partition_that_is_not_ours_are_ignored() -> None:
    story = Story("w1")
    story.arrive(*jobs(2))
    assert story.send() == []
    assert story.quiet


def test_a_report_of_a_later_epoch_says_which_claim_to_renew() -> None:
    story = Story("w1")
    story.claim(P0)
    story.claim(P1)
    story.arrive(delivery(0, at=P0), delivery(0, at=P1))
    (flight,) = story.send()
    assert story.finish(flight, settled=((P0, 0),), fenced=((P1, 0),)) == {P1}
    assert story.scheduler.counts["fenced"] == 1


def test_a_report_about_an_earlier_claim_says_nothing_about_the_present_one() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(1))
    (flight,) = story.send()
    story.scheduler.receive(Lost(P0))
    story.claim(epoch=3)
    assert story.finish(flight, fenced=((P0, 0),)) == frozenset()


def test_a_batch_that_the_hand_over_refused_goes_back_once() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (flight,) = story.send()
    story.scheduler.unsent(flight)
    story.scheduler.unsent(flight)
    assert offsets(story.send()) == [[0, 1]]


def test_suspects_that_the_hand_over_refused_are_tried_alone_again() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(2))
    (flight,) = story.send()
    story.die(flight, "w2")
    (suspects,) = story.send()
    story.scheduler.unsent(suspects)
    (again,) = story.send()
    assert again.isolated
    assert again.deliveries == suspects.deliveries


def test_it_says_when_to_look_again() -> None:
    story = Story("w1")
    story.claim()
    assert story.scheduler.next_at() is None
    story.arrive(delivery(0, due_at=3.0))
    assert story.scheduler.next_at() == 3.0
    (flight,) = story.send()
    story.finish(flight, failed=(Failure(P0, 0, "store_unavailable"),))
    assert story.scheduler.next_at() == pytest.approx(0.2)


def test_the_logs_position_counts_where_nothing_is_open_and_only_while_ours() -> None:
    story = Story("w1")
    story.claim()
    story.scheduler.receive(Reached(P0, 4))
    assert story.scheduler.books.marks() == {P0: (1, 4)}
    story.scheduler.receive(Lost(P0))
    story.scheduler.receive(Reached(P0, 5))
    assert story.scheduler.books.marks() == {}


def test_what_passed_its_deadline_before_it_was_sent_ends_as_expired() -> None:
    story = Story()
    story.claim()
    story.arrive(delivery(0, deadline=5.0), delivery(1, deadline=50.0))
    assert story.scheduler.next_at() is not None
    story.now = 6.0
    assert story.send() == []
    (ending,) = story.scheduler.books.endings(10)
    assert (ending.state, ending.offset) == (Terminal.EXPIRED, 0)
    assert story.scheduler.counts[Terminal.EXPIRED] == 1
    story.workers["w1"] = worker("w1")
    story.look()
    assert offsets(story.send()) == [[1]]


def test_what_batches_took_is_learnt_and_predicts_the_next_ones() -> None:
    story = Story("w1")
    story.claim()
    for number in range(0, 12, 4):
        story.arrive(*(delivery(number + n) for n in range(4)))
        (flight,) = story.send()
        at = tuple(map(key, flight.deliveries))
        story.finish(flight, settled=at, compute_s=0.02)
        story.now += 3
    story.arrive(*(delivery(20 + n) for n in range(4)))
    assert story.scheduler.backlog_s == pytest.approx(0.02, rel=0.05)
    (flight,) = story.send()
    assert flight.seconds == pytest.approx(0.02, rel=0.05)
    assert [one.batches for one in story.scheduler.costs.news] == [3]


def test_a_backlog_is_shared_by_the_workers_that_live() -> None:
    story = Story("w1", "w2", known=[Profile(1, "cpu", (0.0, 0.01, 0.0), 9)])
    assert story.scheduler.backlog_s == 0
    story.claim()
    story.arrive(*jobs(8))
    assert story.scheduler.backlog_s == pytest.approx(8 * 16 * 0.01 / 2)


def test_memory_that_did_not_suffice_halves_the_next_batches_of_that_worker() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(*jobs(4))
    (flight,) = story.send()
    story.finish(flight, settled=tuple(map(key, flight.deliveries)), exhausted=True)
    assert story.scheduler.counts["out_of_memory"] == 1
    story.arrive(*(delivery(10 + n, padded=16) for n in range(4)))
    assert [len(sent) for sent in offsets(story.send())] == [4]
    assert story.scheduler.costs.price("w1", 1).tokens == 64
    assert story.scheduler.costs.price("w2", 1).tokens == 10_000


def test_a_batch_formed_for_one_worker_fits_the_one_that_gets_it() -> None:
    story = Story("w1", "w2", max_batch=8)
    story.claim()
    story.arrive(*jobs(8))
    (first,) = story.send()
    assert first.worker_id == "w1"
    story.scheduler.costs.exhausted("w2", 1, 200, story.now)
    failed = tuple(Failure(*key(each), "model_unavailable") for each in first.deliveries)
    story.finish(first, failed=failed, error="cannot be loaded")
    story.wait(1)
    sent = story.send()
    assert [flight.worker_id for flight in sent] == ["w2", "w2"]
    assert [flight.tokens for flight in sent] == [96, 32]


def test_nothing_waits_for_company_that_cannot_come() -> None:
    story = Story("w1")
    story.claim()
    story.arrive(delivery(0, due_at=9.0))
    story.send()
    story.arrive(delivery(1, due_at=9.0))
    assert story.scheduler.sendings(story.now) == []
    ((_, flight),) = story.scheduler.sendings(story.now, flush=True)
    assert offsets([flight]) == [[1]]
    assert story.scheduler.counts["release_flush"] == 1
