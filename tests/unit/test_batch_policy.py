"""Batches by cost: budgets, deadlines, company, turns. Each test is a situation without a clock."""

import time

import pytest

from tests.unit import examples
from tests.unit.examples import delivery, place
from workers.core.batcher import BUCKETS, STAGE_FULL_S, Batcher
from workers.core.choice import BULK_PATIENCE_S, BULK_TURN
from workers.core.cost import Cost
from workers.core.delivery import Delivery
from workers.core.formed import Formed, Limits, Place, Release
from workers.core.lag import LEAST_S


def batcher(*deliveries: Delivery, **limits: object) -> Batcher:
    made = Batcher(Limits(**limits))
    for each in deliveries:
        made.add(each)
    return made


def offsets(formed: Formed | None) -> list[int]:
    return [] if formed is None else [each.item.offset for each in formed.deliveries]


@pytest.mark.parametrize(
    ("waiting", "busy", "reason"),
    [
        (
            [{"due_at": 0.0, "deadline": 1.131}] * 4,
            {"idle": False, "ahead_s": 0.09},
            Release.FULL,
        ),
        ([{"due_at": 0.0, "deadline": 1.035}], {}, Release.DEADLINE),
        ([{"due_at": 9.0, "deadline": 1.035}], {"idle": False}, Release.DEADLINE),
        ([{"due_at": 9.0, "deadline": 1.5}], {"idle": False, "ahead_s": 0.465}, Release.DEADLINE),
        ([{"due_at": 9.0, "deadline": 1.5}], {"idle": False, "ahead_s": 0.44}, None),
        ([{"due_at": 9.0, "deadline": 1.5}], {"idle": False}, None),
        ([{"due_at": 0.0, "deadline": 9.0}], {}, Release.TIMER),
        ([{"due_at": 9.0, "deadline": 9.0}], {}, Release.IDLE),
        ([{"due_at": 9.0}], {"flush": True}, Release.IDLE),
        ([{"due_at": 9.0}], {"flush": True, "idle": False}, Release.FLUSH),
        ([{"due_at": 9.0}], {"idle": False}, None),
    ],
)
def test_the_reason_is_the_first_that_holds(waiting, busy, reason) -> None:
    limits = {"max_batch": 4, "mixed_batch_s": 0.5}
    made = batcher(*(delivery(is_bulk=True, **one) for one in waiting), **limits)
    formed = made.next_batch(1.0, place(cost=Cost(0.02, 1e-5), **busy))
    assert (formed.reason if formed else None) is reason


def test_a_batch_takes_as_many_seconds_as_it_may() -> None:
    made = batcher(*(delivery(n) for n in range(400)), max_batch_s=0.033)
    formed = made.next_batch(0.0, place())
    assert formed is not None
    assert len(formed.deliveries) == 200
    assert formed.seconds == pytest.approx(0.033)
    assert (formed.tokens, formed.pairs) == (200 * 16, 200 * 16 * 16)
    assert formed.reason is Release.FULL


def test_a_batch_is_worth_its_call_however_short_it_should_be() -> None:
    made = batcher(*(delivery(n) for n in range(100)), max_batch_s=0.01)
    formed = made.next_batch(0.0, place(cost=Cost(0.02, 1e-4)))
    assert formed is not None
    assert formed.seconds == pytest.approx(0.08, rel=0.03)


def test_memory_allows_fewer_tokens_than_seconds_do() -> None:
    made = batcher(*(delivery(n) for n in range(10)))
    assert len(offsets(made.next_batch(0.0, place(tokens=64)))) == 4


def test_least_slack_goes_first_across_versions() -> None:
    relaxed = delivery(0, of=examples.version(1), deadline=9.0)
    pressed = delivery(1, of=examples.version(2), deadline=0.3, due_at=0.01)
    made = batcher(relaxed, pressed)
    assert offsets(made.next_batch(0.1, place())) == [1]


@pytest.mark.parametrize("by_cost", [True, False])
def test_otherwise_who_is_due_first_goes_first_whatever_he_costs(by_cost: bool) -> None:
    long = [delivery(n, of=examples.version(1), padded=512, due_at=0.0) for n in range(4)]
    short = [delivery(9 + n, of=examples.version(2), due_at=0.1) for n in range(4)]
    made = batcher(*short, *long, by_cost=by_cost)
    assert offsets(made.next_batch(0.2, place())) == [0, 1, 2, 3]
    assert offsets(made.next_batch(0.2, place())) == [9, 10, 11, 12]


def test_company_is_interactive_by_deadline_then_bulk_while_the_deadline_holds() -> None:
    bulk = [delivery(100 + n, is_bulk=True, due_at=0.0) for n in range(500)]
    dated = [delivery(n, deadline=3.0 - n, padded=(16, 32)[n], due_at=5.0 - n) for n in range(2)]
    made = batcher(delivery(7, due_at=5.1), *bulk, *dated, mixed_batch_s=0.05)
    formed = made.next_batch(0.0, place())
    assert offsets(formed)[:4] == [1, 0, 7, 100]
    assert formed is not None
    assert formed.seconds == pytest.approx(0.05, abs=0.001)

    made = batcher(*bulk, delivery(0, deadline=0.05, due_at=5.0), mixed_batch_s=0.05)
    formed = made.next_batch(0.0, place(ahead_s=0.01))
    assert offsets(formed)[0] == 0
    assert formed is not None
    assert 0.01 + formed.seconds + LEAST_S == pytest.approx(0.05, abs=0.001)


def test_bulk_batches_are_short_while_interactive_work_comes_and_long_else() -> None:
    flood = [delivery(n, is_bulk=True, due_at=0.0) for n in range(1500)]
    made = batcher(*flood, max_batch_s=0.05, mixed_batch_s=0.02)
    alone = made.next_batch(0.0, place())
    made.add(delivery(999, due_at=0.0))
    with_it, after_it = (made.next_batch(0.1, place()) for _ in range(2))
    much_later = made.next_batch(60.0, place())
    assert None not in (alone, with_it, after_it, much_later)
    assert with_it.deliveries[0].item.offset == 999
    assert [round(each.seconds, 2) for each in (alone, with_it, after_it)] == [0.05, 0.02, 0.02]
    assert much_later.seconds == pytest.approx(0.05, abs=0.001)


def test_while_somebody_waits_a_batch_is_staged_only_when_the_running_one_is_nearly_done() -> None:
    made = batcher(delivery(0, due_at=0.0), stage_s=0.02)
    busy = place(idle=False, ahead_s=0.1, running_s=0.1)
    assert made.next_batch(1.0, busy) is None
    assert made.due_at() == pytest.approx(1.07)
    assert offsets(made.next_batch(1.07, busy._replace(ahead_s=0.03))) == [0]
    made = batcher(delivery(0, is_bulk=True, due_at=0.0))
    assert offsets(made.next_batch(1.0, busy)) == [0]


def test_a_full_batch_is_staged_earlier_as_no_other_job_would_go_with_it() -> None:
    made = batcher(*(delivery(number, due_at=0.0) for number in range(8)), max_batch=8)
    busy = place(idle=False, ahead_s=0.19, running_s=0.05)
    assert made.next_batch(1.0, busy) is None
    assert made.due_at() == pytest.approx(1.0 + 0.19 - STAGE_FULL_S)
    assert len(offsets(made.next_batch(1.1, busy._replace(ahead_s=0.09)))) == 8
    made.add(delivery(8, due_at=0.0))
    assert made.next_batch(1.1, busy._replace(ahead_s=0.09)) is None, "this one is not full"


def test_bulk_work_that_lost_patience_has_its_turn_whatever_comes() -> None:
    other = examples.version(2)
    made = batcher(delivery(0, is_bulk=True, due_at=0.0))
    turns = []
    for number in range(1, 40):
        now = BULK_PATIENCE_S / 2 + number
        made.add(delivery(number, of=other, due_at=now))
        turns.append(offsets(made.next_batch(now, place())))
    waited = turns.index([0]) + 1
    assert waited >= BULK_PATIENCE_S / 2
    assert waited <= BULK_PATIENCE_S / 2 + BULK_TURN + 1


def test_what_passed_its_deadline_is_given_back_and_never_sent() -> None:
    made = batcher(delivery(0, deadline=1.0), delivery(1, deadline=2.0), delivery(2))
    assert offsets_of(made.expired(1.0)) == [0]
    assert made.expired(1.5) == []
    assert made.due_at() == 0.0
    assert sorted(offsets(made.next_batch(1.5, place()))) == [1, 2]


def offsets_of(deliveries: list[Delivery]) -> list[int]:
    return [each.item.offset for each in deliveries]


def test_what_will_miss_its_deadline_lets_others_pass_and_goes_when_a_worker_is_idle() -> None:
    hopeless = delivery(0, padded=8192, deadline=1.05, due_at=0.0)
    made = batcher(hopeless, delivery(1, due_at=0.0), delivery(2, is_bulk=True, due_at=0.0))
    assert offsets(made.next_batch(1.0, place())) == [1, 2]
    assert made.next_batch(1.0, place(idle=False)) is None
    assert made.due_at() == 1.05
    assert offsets(made.next_batch(1.0, place())) == [0]


def test_under_overload_no_batch_is_made_small_for_one_deadline() -> None:
    crowd = [delivery(n, deadline=9.0, due_at=0.0) for n in range(600)]
    made = batcher(delivery(999, deadline=1.03, due_at=0.0), *crowd)
    formed = made.next_batch(1.0, place())
    assert formed is not None
    assert len(formed.deliveries) == 512
    assert 999 not in offsets(formed)
    made = batcher(delivery(999, deadline=1.03, due_at=0.0), *crowd[:100])
    assert offsets(made.next_batch(1.0, place()))[0] == 999


def test_put_back_and_dropped_with_deadlines_too() -> None:
    gone = examples.partition(1)
    dated = [delivery(n, deadline=5.0 + n, at=gone if n == 2 else None) for n in range(4)]
    made = batcher(*dated, max_batch=2)
    formed = made.next_batch(0.0, place())
    assert offsets(formed) == [0, 1]
    assert formed is not None
    made.put_back(formed.deliveries)
    assert made.drop(gone) == 1
    assert [offsets(made.next_batch(0.0, place())) for _ in range(3)] == [[0, 1], [3], []]


def test_without_a_known_cost_the_oldest_goes_first() -> None:
    made = batcher(delivery(0, padded=512, due_at=0.0), delivery(1, due_at=1.0), max_batch=1)
    assert offsets(made.next_batch(2.0, Place(idle=True))) == [0]


def test_a_hundred_thousand_texts_of_length_one_are_as_many_full_batches() -> None:
    one = delivery(0, due_at=0.0, text="a")
    made = batcher(*[one] * 100_000)
    sizes = []
    while formed := made.next_batch(1.0, place()):
        sizes.append(len(formed.deliveries))
    assert sizes == [512] * 195 + [160]


def test_a_burst_after_silence_costs_few_microseconds_a_text() -> None:
    one = [delivery(n, padded=BUCKETS[n % 6], due_at=0.0, is_bulk=n % 3 == 0) for n in range(60)]
    made = Batcher(Limits())
    began = time.process_time()
    for number in range(200_000):
        made.add(one[number % 60])
    taken = 0
    while formed := made.next_batch(3600.0, place()):
        taken += len(formed.deliveries)
    spent_us = 1e6 * (time.process_time() - began) / 200_000
    assert taken == 200_000
    assert spent_us < 15, "a few microseconds, with room for a busy machine"
