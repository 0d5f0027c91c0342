"""What batches cost: fitted, learnt, unlearnt, bounded by memory, and begun with what was known."""

import random
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch import WorkerState
from workers.core.cost import Cost, Observation, array, fit
from workers.core.costs import FEWEST_TOKENS, RECOVERY_S, Costs, Price, kind_of
from workers.core.experience import KEPT_S, OF_A_SIZE, Experience
from workers.ports import Profile

TRUTH = Cost(1e-3, 2e-6, 3e-9)
SHAPES = list(product((1, 8, 64), (16, 128, 512)))
BUDGET = 32_768


def seen(truth: Cost, rows: int, length: int, noise: float = 1.0) -> Observation:
    return array(rows, length, noise * truth.seconds(rows, length))


def worker(worker_id: str = "w1", device: str = "cpu", *, costs=()) -> WorkerState:
    return WorkerState(worker_id=worker_id, queue="q", device=device, pid=1, costs=costs)


def test_a_fit_finds_the_prices() -> None:
    chance = random.Random(4)
    noisy = [seen(TRUTH, *shape, noise=chance.uniform(0.97, 1.03)) for shape in SHAPES]
    assert fit(noisy) == pytest.approx(TRUTH, rel=0.2)


def test_a_batch_of_many_lengths_costs_the_sum_of_its_texts() -> None:
    lengths = (16, 16, 512)
    of_texts = TRUTH.call_s + sum(map(TRUTH.text_s, lengths))
    assert TRUTH.batch_s(sum(lengths), sum(n * n for n in lengths)) == pytest.approx(of_texts)


@given(st.lists(st.tuples(st.integers(1, 512), st.sampled_from([16, 64, 512]),
                          st.floats(1e-6, 100)), min_size=1, max_size=30))  # fmt: skip
def test_no_price_is_below_zero_whatever_was_seen(batches: list[tuple[int, int, float]]) -> None:
    assert min(fit([array(*batch) for batch in batches], TRUTH)) >= 0


def test_what_equal_batches_leave_open_is_what_was_believed() -> None:
    found = fit([seen(TRUTH, 64, 32)] * 20, TRUTH)
    assert found == pytest.approx(TRUTH, rel=0.1)


@pytest.mark.parametrize("wrong", [[], [Observation(16, 256, 0.0)]])
def test_nothing_and_no_time_are_refused(wrong: list[Observation]) -> None:
    with pytest.raises(ValueError, match="fitted to"):
        fit(wrong)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_a_cost_gone_wrong_is_restored_by_a_few_batches(factor: float) -> None:
    made = Experience(Cost(*(factor * price for price in TRUTH)))
    for number, shape in enumerate(SHAPES * 3):
        made.see(seen(TRUTH, *shape), now=number * 0.1)
    for shape in SHAPES:
        assert made.cost.seconds(*shape) == pytest.approx(TRUTH.seconds(*shape), rel=0.1)


def test_a_device_that_became_slower_is_believed_soon() -> None:
    made = Experience(None)
    slow = Cost(*(10 * price for price in TRUTH))
    for number in range(200):
        made.see(seen(TRUTH, 64, 32), now=number * 0.1)
    for number in range(OF_A_SIZE + 8):
        made.see(seen(slow, 64, 32), now=20 + number * 0.5)
    assert made.cost.seconds(64, 32) == pytest.approx(slow.seconds(64, 32), rel=0.1)


def test_a_size_that_is_not_seen_any_more_does_not_speak_for_ever() -> None:
    made = Experience(None)
    slow = Cost(*(10 * price for price in TRUTH))
    for _ in range(20):
        made.see(seen(TRUTH, 1, 16), now=0.0)
    for number in range(40):
        made.see(seen(slow, 64, 32), now=2 * KEPT_S + 3 * number)
    assert made.cost.seconds(64, 32) == pytest.approx(slow.seconds(64, 32), rel=0.05)


def test_a_batch_that_was_held_up_changes_little() -> None:
    made = Experience(None)
    for number in range(60):
        held_up = 50.0 if number % 20 == 19 else 1.0
        made.see(seen(TRUTH, 64, 32, held_up), now=number * 1.0)
    assert made.cost.seconds(64, 32) == pytest.approx(TRUTH.seconds(64, 32), rel=0.25)


def test_a_warm_up_is_believed_until_batches_say_more_and_sql_before_it() -> None:
    costs = Costs(BUDGET, [Profile(2, "gpu", (9.0, 8.0, 7.0), 5)])
    said = ((1, (1.0, 2.0, 3.0)), (2, (1.0, 2.0, 3.0)))
    costs.see([worker(device="gpu:3", costs=said)])
    assert costs.price("w1", 1).cost == Cost(1.0, 2.0, 3.0)
    assert costs.price("w1", 2).cost == Cost(9.0, 8.0, 7.0)
    assert costs.price("w1", 3).cost is None
    assert costs.news == [Profile(1, "gpu", (1.0, 2.0, 3.0), 0)]


def test_twins_are_learnt_apart_and_a_third_begins_with_what_its_kind_costs() -> None:
    costs = Costs(BUDGET)
    workers = [worker("fast"), worker("slow")]
    costs.see(workers)
    slow = Cost(*(10 * price for price in TRUTH))
    for number, shape in enumerate(SHAPES * 2):
        costs.learn("slow", 1, seen(slow, *shape), now=3.0 * number)
        costs.learn("fast", 1, seen(TRUTH, *shape), now=3.0 * number + 1)
    times = {one.worker_id: costs.price(one.worker_id, 1).cost.seconds(64, 32) for one in workers}
    assert times["slow"] == pytest.approx(10 * times["fast"], rel=0.05)
    costs.see([*workers, worker("third")])
    assert costs.price("third", 1).cost.seconds(64, 32) == pytest.approx(times["fast"], rel=0.05)
    assert costs.typical(1).seconds(64, 32) == pytest.approx(times["fast"], rel=0.05)


def test_news_is_told_until_it_is_kept_as_it_is_now() -> None:
    costs = Costs(BUDGET)
    costs.see([worker()])
    costs.learn("w1", 1, seen(TRUTH, 8, 16), now=0.0)
    told = costs.news
    assert [one.batches for one in told] == [1]
    costs.learn("w1", 1, seen(TRUTH, 64, 128), now=10.0)
    costs.kept(told)
    assert [one.batches for one in costs.news] == [2]
    costs.kept(costs.news)
    assert costs.news == []


def test_memory_that_does_not_suffice_halves_the_budget_and_time_doubles_it() -> None:
    costs = Costs(BUDGET)
    costs.see([worker("w1"), worker("w2")])
    costs.exhausted("w1", 1, 20_000, now=0.0)
    assert costs.price("w1", 1).tokens == 10_000
    costs.exhausted("w1", 1, 10_000, now=1.0)
    assert [costs.price("w1", 1).tokens, costs.price("w2", 1).tokens] == [5000, BUDGET]
    for number in range(20):
        costs.exhausted("w1", 2, 10, now=float(number))
    assert costs.price("w1", 2).tokens == FEWEST_TOKENS
    for number in range(1, 5):
        costs.learn("w1", 1, seen(TRUTH, 8, 16), now=1 + number * RECOVERY_S)
    assert costs.price("w1", 1).tokens == BUDGET


def test_a_budget_is_what_takes_so_many_seconds() -> None:
    price = Price(Cost(0.01, 1e-5, 1e-8), BUDGET)
    for length in (16, 512):
        budget = price.budget(length, 0.1)
        assert price.cost.seconds(budget // length, length) <= 0.1
        assert price.cost.seconds(budget // length + 1, length) > 0.1
    assert price.budget(16, 60.0) == price._replace(cost=None).budget(16, 0.1) == BUDGET


def test_a_worker_that_left_is_forgotten() -> None:
    costs = Costs(BUDGET)
    costs.see([worker("w1")])
    costs.exhausted("w1", 1, 1000, now=0.0)
    costs.see([])
    costs.see([worker("w1")])
    assert costs.price("w1", 1).tokens == BUDGET


@pytest.mark.parametrize(
    ("device", "kind"),
    [("cpu", "cpu"), ("cpu:3", "cpu/1"), ("cpu:0-3", "cpu/4"), ("cpu:0,2-3", "cpu/3"),
     ("gpu:7", "gpu"), ("gpu", "gpu")],
)  # fmt: skip
def test_devices_of_a_kind_cost_alike(device: str, kind: str) -> None:
    assert kind_of(device) == kind


def test_an_older_worker_announces_no_costs() -> None:
    fields = msgspec.structs.asdict(worker())
    del fields["costs"]
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=WorkerState)
    assert decoded.costs == ()


def test_the_budget_of_a_text_beyond_it_is_that_text() -> None:
    assert Price(Cost(1.0, 1.0), BUDGET).budget(512, 0.5) == 512
