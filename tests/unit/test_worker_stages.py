"""Parsing, computing and writing beside each other: two batches in hand, each in its turn."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from schemas.batch import encode
from tests.unit.worker_fakes import HashModel, batch, item, label_of, until
from tests.unit.worker_world import World


class SlowModel(HashModel):
    """Predicts only while it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.parsed: list[str] = []

    def parse(self, questions: Any) -> Any:
        self.parsed += [one.text for one in questions]
        return super().parse(questions)

    def predict(self, features: Any) -> Any:
        assert self.let.wait(5.0)
        return super().predict(features)


@pytest.fixture
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture
def world(model: SlowModel) -> Iterator[World]:
    world = World(heartbeat_s=0.02, routed=False)
    world.models["d1"] = model
    world.worker.start()
    yield world
    model.let.set()
    world.worker.finish()


def _give(world: World, name: str, text: str = "a", **fields: Any) -> None:
    world.worker.run_batch(encode(batch(item(0, text), batch_id=name, **fields)))


def test_the_next_batch_is_parsed_while_the_device_computes(world: World, model: SlowModel) -> None:
    _give(world, "b1", "one")
    _give(world, "b2", "two")
    until(lambda: model.parsed == ["one", "two"])
    until(lambda: (world.bus.states[-1].running, world.bus.states[-1].following) == ("b1", "b2"))
    assert world.bus.completions == []
    model.let.set()
    assert [done.batch_id for done in world.bus.wait_for(2)] == ["b1", "b2"]
    until(lambda: (world.bus.states[-1].running, world.bus.states[-1].following) == (None, None))


def test_a_third_batch_waits_untouched(world: World, model: SlowModel) -> None:
    _give(world, "b1", "one")
    _give(world, "b2", "two")
    _give(world, "b3", "three")
    until(lambda: len(model.parsed) == 2)
    time.sleep(0.1)
    assert model.parsed == ["one", "two"]
    model.let.set()
    assert [done.batch_id for done in world.bus.wait_for(3)] == ["b1", "b2", "b3"]


def test_a_batch_passes_between_two_arrays_of_the_running_one(model: SlowModel) -> None:
    world = World(heartbeat_s=0.02, routed=False)
    world.models["d1"] = model
    world.worker.start()
    far_apart = [item(0, "a"), item(1, "b" * 500)]
    world.worker.run_batch(encode(batch(*far_apart, batch_id="b1")))
    _give(world, "b2", "two")
    until(lambda: world.bus.states[-1].following == "b2")
    passing = msgspec.structs.replace(batch(item(4, "now"), batch_id="b3"), passes=True)
    world.worker.run_batch(encode(passing))
    until(lambda: world.bus.states[-1].passing == ("b3",))
    model.let.set()
    done = {one.batch_id: one for one in world.bus.wait_for(3)}
    assert [length for _, length, _ in model.arrays] == [8, 8, 512, 8]
    assert done["b1"].compute_s > 0
    until(lambda: world.bus.states[-1].passing == ())
    world.worker.finish()


def test_a_batch_passes_those_that_wait_to_be_parsed(world: World, model: SlowModel) -> None:
    long = "a" * 500
    for name, text in (("b1", "a"), ("b2", long), ("b3", long)):
        _give(world, name, text)
    until(lambda: len(model.parsed) == 2)
    passing = msgspec.structs.replace(batch(item(4, "now"), batch_id="b4"), passes=True)
    world.worker.run_batch(encode(passing))
    assert model.parsed == ["a", long, "now"]
    model.let.set()
    assert {done.batch_id for done in world.bus.wait_for(4)} == {"b1", "b2", "b3", "b4"}
    assert [length for _, length, _ in model.arrays] == [8, 8, 512, 512]


def test_what_cannot_be_read_is_told_in_its_turn(world: World, model: SlowModel) -> None:
    _give(world, "b1")
    _give(world, "b2", version_id=9, digest="d9")
    assert world.bus.completions == []
    model.let.set()
    first, second = world.bus.wait_for(2)
    assert (first.batch_id, first.failed) == ("b1", ())
    assert [one.reason for one in second.failed] == ["model_unavailable"]


def test_the_time_of_the_batch_behind_begins_when_it_is_the_first(
    world: World, model: SlowModel
) -> None:
    _give(world, "b1")
    until(lambda: world.pulses[-1] is not None)
    began = world.pulses[-1]
    _give(world, "b2")
    assert world.pulses[-1] == began
    world.results.delay_s = 0.2
    model.let.set()
    until(lambda: world.pulses[-1] != began)
    world.bus.wait_for(2)
    until(lambda: world.pulses[-1] is None)


def test_the_end_comes_when_all_in_hand_is_written(model: SlowModel) -> None:
    world = World(routed=False)
    world.models["d1"] = model
    world.worker.start()
    for name in ("b1", "b2"):
        _give(world, name, "text")
    world.worker.drain()
    threading.Timer(0.05, model.let.set).start()
    world.worker.finish()
    assert [done.batch_id for done in world.bus.completions] == ["b1", "b2"]
    answers = [one.prediction.label for one in world.results.answers.values()]
    assert answers == [label_of("text")]
    assert world.bus.withdrawn == ["w1"]
