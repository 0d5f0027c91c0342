"""The simulator: nothing is lost, arithmetic by hand, and policies in their known order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import DataError, UsageError
from workers.core.cost import Cost
from workers.simulation import arrivals
from workers.simulation.arrivals import Arrival
from workers.simulation.capacity import needed
from workers.simulation.policies import POLICIES
from workers.simulation.run import Plant, Simulation

COST = Cost(0.75e-3, 2.9e-6)
_MAIN = "from workers.cli import main; main()"


def test_one_text_takes_what_its_parts_take() -> None:
    plant = Plant(cost=Cost(0.01, 0.001), batch_s=0.1, admit_s=0.5)
    outcome = Simulation([Arrival(3.0, 8)], plant, "textmill").run()
    assert outcome.p50_s == pytest.approx(0.5 + 0.1 + 0.01 + 8 * 0.001)
    assert (outcome.texts, outcome.batches, outcome.padding_efficiency) == (1, 1, 1.0)


def test_texts_that_come_while_the_device_is_busy_go_together() -> None:
    plant = Plant(cost=Cost(1.0, 0.0), batch_s=0.0, admit_s=0.0)
    given = [Arrival(0.0, 8), *(Arrival(0.1, 8) for _ in range(9))]
    outcome = Simulation(given, plant, "arrival").run()
    assert outcome.batches == 2, "the first alone; the others wait for company, staged behind it"
    assert outcome.latencies_s == pytest.approx([1.0] + [1.9] * 9)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("devices", "dispatchers"), [(1, 1), (3, 2), (50, 3)])
def test_every_text_is_answered_after_it_came(policy: str, devices: int, dispatchers: int) -> None:
    given = arrivals.draw(2000, 4000, bulk=0.3, seed=devices)
    plant = Plant(cost=COST, devices=devices, dispatchers=dispatchers)
    outcome = Simulation(given, plant, policy).run()
    awaited = sum(not one.bulk for one in given)
    assert (outcome.texts, len(outcome.latencies_s)) == (2000, awaited)
    assert min(outcome.latencies_s) > 0
    assert 0 < outcome.busy <= 1
    assert outcome == Simulation(given, plant, policy).run()


def test_sorting_by_length_beats_the_order_of_arrival_under_load() -> None:
    given = arrivals.draw(5000, 20_000, bulk=0.0, seed=1)
    speed = {p: Simulation(given, Plant(cost=COST), p).run().texts_per_s for p in POLICIES}
    assert speed["textmill"] >= 0.98 * speed["oldest"]
    assert speed["oldest"] > 3 * speed["budget"] > 3 * speed["arrival"]


def test_twice_the_devices_do_nearly_twice_the_work() -> None:
    given = arrivals.draw(20_000, 1e6, bulk=0.0, seed=2)
    one, two = (
        Simulation(given, Plant(cost=COST, devices=n, admit_s=0.0), "textmill").run().texts_per_s
        for n in (1, 2)
    )
    assert two > 1.8 * one


def test_the_plan_is_the_fewest_devices_that_do() -> None:
    given = arrivals.draw(4000, 20_000, bulk=0.0, seed=3)
    plant = Plant(cost=COST)
    need = needed(given, plant, p99_s=0.1)
    assert need.outcome.p99_s <= 0.1
    fewer = Plant(
        cost=COST,
        devices=need.devices - 1,
        dispatchers=need.dispatchers,
        partitions=need.partitions,
    )
    assert Simulation(given, fewer, "textmill").run().p99_s > 0.1
    with pytest.raises(UsageError, match="do not answer"):
        needed(given[:10], plant, p99_s=1e-5)


def _simulate(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", _MAIN, "simulate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_command_compares_and_draws(tmp_path: Path) -> None:
    recorded = tmp_path / "arrivals.jsonl"
    recorded.write_text('{"at": 0.0, "tokens": 5}\n{"at": 0.1, "tokens": 300, "bulk": true}\n')
    picture = tmp_path / "latency.png"
    done = _simulate("--arrivals", recorded, "--plot", picture, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert set(rows) == set(POLICIES)
    assert rows["textmill"]["late"] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    planned = _simulate("--texts", 2000, "--rate", 30_000, "--p99", 0.05, "--json")
    assert json.loads(planned.stdout)["devices"] >= 2


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"at": 1}', "line 2"), ('{"at": 0, "tokens": 0}', "line 2"), ("", "holds no")],
)
def test_wrong_arrivals_are_refused(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "arrivals.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(DataError, match=message):
        arrivals.read(path)


def test_an_unknown_policy_is_refused() -> None:
    done = _simulate("--policy", "fifo")
    assert done.returncode == 2
    assert "choose among arrival" in done.stderr
