"""What a worker says of its batches: each is named from its arrival until it is reported."""

from collections.abc import Iterator

import msgspec
import pytest

from schemas.batch import WorkerState, decode_state, encode
from tests.unit.worker_fakes import batch, item, until
from tests.unit.worker_world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World(heartbeat_s=0.01, routed=False)
    world.worker.start()
    yield world
    world.worker.finish()


def test_a_batch_is_named_until_it_is_reported(world: World) -> None:
    world.results.delay_s = 0.3
    world.worker.run_batch(encode(batch(item(0, "a"), batch_id="b1")))
    seen = len(world.bus.states)
    until(lambda: world.bus.states[-1].writing == ("b1",))
    world.bus.wait_for(1)
    until(lambda: world.bus.states[-1].writing == ())
    states = world.bus.states[seen:]
    last = max(number for number, state in enumerate(states) if state.writing)
    gaps = [s for s in states[:last] if (s.running, s.writing) == (None, ())]
    assert gaps == []


def test_batches_behind_a_slow_store_are_all_named(world: World) -> None:
    world.results.delay_s = 0.3
    for number in range(2):
        name = f"b{number}"
        world.worker.run_batch(encode(batch(item(number, "a"), batch_id=name)))
    until(lambda: world.bus.states[-1].writing == ("b0", "b1"))
    assert world.bus.states[-1].running is None
    assert world.pulses[-1] is None, "a slow store is no hang"


def test_a_batch_that_comes_twice_is_named_until_both_are_reported(world: World) -> None:
    world.results.delay_s = 0.1
    for _ in range(2):
        world.worker.run_batch(encode(batch(item(0, "a"), batch_id="b1")))
    until(lambda: world.bus.states[-1].writing == ("b1", "b1"))
    until(lambda: world.bus.states[-1].writing == ("b1",))
    until(lambda: world.bus.states[-1].writing == ())


def test_a_batch_that_cannot_be_reported_is_not_named_for_ever(world: World) -> None:
    world.bus.complete = lambda *_: 1 / 0  # type: ignore[assignment]
    world.worker.run_batch(encode(batch(item(0, "a"), batch_id="b1")))
    until(lambda: (world.bus.states[-1].running, world.bus.states[-1].writing) == (None, ()))


def test_workers_and_dispatchers_of_two_releases_understand_each_other() -> None:
    state = WorkerState(worker_id="w", queue="q", device="cpu", pid=1, writing=("b1",))
    said = msgspec.to_builtins(state)
    assert decode_state(encode(said | {"of a later release": 1})) == state
    del said["writing"]
    assert decode_state(encode(said)).writing == ()
