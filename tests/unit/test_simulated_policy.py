"""Textmill's policy in simulated service: overload, floods, slow twins, wrong beliefs, bursts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core.choice import BULK_PATIENCE_S
from workers.core.cost import Cost
from workers.simulation import arrivals
from workers.simulation.arrivals import Arrival
from workers.simulation.outcome import Outcome
from workers.simulation.run import Plant, Simulation

COST = Cost(0.75e-3, 2.9e-6)
"""One such device answers about 7,000 texts a second of the benchmark's mix."""


def run(given: list[Arrival], policy: str = "textmill", **plant: object) -> Outcome:
    return Simulation(given, Plant(cost=COST, admit_s=1e-6, **plant), policy).run()


one = st.builds(
    Arrival,
    at=st.floats(0, 2),
    tokens=st.integers(1, 512),
    bulk=st.booleans(),
    deadline_s=st.sampled_from([None, 0.01, 0.1, 1.0]),
)


@given(st.lists(one, min_size=1, max_size=80), st.integers(1, 3), st.sampled_from([0.01, 1, 100]))
@settings(max_examples=60, deadline=None)
def test_every_text_has_one_end(some: list[Arrival], devices: int, factor: float) -> None:
    believed = Cost(*(factor * price for price in COST))
    outcome = run(
        sorted(some, key=lambda each: each.at),
        devices=devices,
        dispatchers=devices,
        believed=believed,
        paces=(1.0, 10.0),
    )  # `Tally` refuses texts without an end and with two
    assert outcome.texts == len(some)


def test_under_overload_nothing_is_computed_in_vain_and_the_device_is_well_used() -> None:
    crowd = arrivals.draw(12_000, 10_500, bulk=0.0, seed=3, deadline_s=0.3)
    mine, loop = run(crowd), run(crowd, "arrival")
    assert mine.missed <= 0.01 * mine.texts
    assert len(mine.latencies_s) - mine.missed > 5 * (len(loop.latencies_s) - loop.missed)
    assert mine.texts_per_s > 5500


def test_a_flood_of_bulk_delays_interactive_texts_by_two_short_batches_and_flows_on() -> None:
    calm = arrivals.draw(4000, 1000, bulk=0.0, seed=1)
    flood = [Arrival(a.at, a.tokens, True) for a in arrivals.draw(40_000, 10_000, 0.0, seed=2)]
    both = sorted(calm + flood, key=lambda each: each.at)
    alone, mixed, unmixed = run(calm), run(both), run(both, mixed_batch_s=0.5)
    assert mixed.p99_s < alone.p99_s + 3 * 0.04
    assert mixed.p99_s < 0.8 * unmixed.p99_s
    assert mixed.texts_per_s > 0.9 * unmixed.texts_per_s
    assert mixed.bulk_worst_s < BULK_PATIENCE_S


def test_a_device_ten_times_slower_than_its_twin_takes_its_part_and_no_more() -> None:
    given = arrivals.draw(8000, 5000, bulk=0.0, seed=3)
    outcome = run(given, devices=2, paces=(1.0, 10.0))
    assert outcome.p99_s < 0.5
    assert outcome.texts_per_s > 4000


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_a_wrong_belief_is_mended_and_costs_little(factor: float) -> None:
    given = arrivals.draw(8000, 5000, bulk=0.0, seed=3)
    right = run(given)
    wrong = run(given, believed=Cost(*(factor * price for price in COST)))
    assert wrong.texts_per_s > 0.95 * right.texts_per_s
    assert wrong.p99_s < 1.5 * right.p99_s


def test_a_burst_after_silence_is_worked_off_at_full_speed() -> None:
    given = [Arrival(0.0, 10), *(Arrival(600.0, 1 + n % 60, n % 2 == 0) for n in range(30_000))]
    outcome = run(given)
    assert outcome.padding_efficiency > 0.75
    assert outcome.bulk_worst_s < 10
