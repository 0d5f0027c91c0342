"""The worker between its queue, its models, its store and its bus; all of them stand-ins."""

import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.batch import encode
from schemas.errors import UnavailableError
from tests.unit.worker_fakes import HashModel, batch, item, label_of, until
from tests.unit.worker_world import World
from workers.core.cost import Cost
from workers.memory import FEWEST_TOKENS, RECOVERY_S, Memory


@pytest.fixture
def world() -> Iterator[World]:
    world = World(routed=False)
    world.worker.start()
    yield world
    world.worker.finish()


def test_a_batch_becomes_rows_and_a_completion(world: World) -> None:
    done = world.run("one", "two")
    assert [offset for _, offset in done.settled] == [0, 1]
    assert (done.batch_id, done.worker_id, done.failed, done.error) == ("b1", "w1", (), None)
    assert done.compute_s > 0
    assert done.persist_s >= 0
    labels = [one.prediction.label for one in world.results.answers.values()]
    assert labels == [label_of("one"), label_of("two")]


def test_endings_are_recorded_with_the_answers(world: World) -> None:
    done = world.run("one", "poison", "three")
    assert sorted(offset for _, offset in done.settled) == [0, 1, 2]
    assert [ending.offset for ending in world.results.endings.values()] == [1]


def test_a_version_is_loaded_when_a_batch_names_it_and_then_kept(world: World) -> None:
    world.run("a", version_id=2, digest="d2")
    world.run("a", version_id=2, digest="d2")
    assert world.loads == [2]
    assert world.loaded.versions == (2,)
    answered = next(iter(world.results.answers.values()))
    assert answered.prediction.label == label_of("a", "d2")


def test_routed_versions_are_loaded_at_the_start_and_a_damaged_one_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    del world.models["d3"]
    world.start()
    assert world.loaded.versions == (1, 5)
    assert "Cannot load tone@3" in caplog.text
    world.worker.finish()


def test_the_least_used_version_leaves_when_there_are_too_many() -> None:
    world = World(capacity=2)
    for number in (1, 2, 1, 3):
        world.loaded.get(number, f"d{number}")
    assert world.loaded.versions == (1, 3)
    world.loaded.get(2, "d2")
    assert world.loads == [1, 2, 3, 2]


@pytest.mark.parametrize(
    ("version_id", "digest"),
    [(9, "d9"), (1, "another"), (4, "d4")],
    ids=["unknown", "digest", "damaged"],
)
def test_a_version_that_cannot_be_had_fails_the_batch_and_the_worker_lives(
    world: World, version_id: int, digest: str
) -> None:
    done = world.run("a", "b", version_id=version_id, digest=digest)
    assert [failure.reason for failure in done.failed] == ["model_unavailable"] * 2
    assert done.error
    assert done.settled == ()
    assert world.run("a").failed == ()


def test_a_model_gone_wrong_is_loaded_anew(world: World) -> None:
    world.run("a")
    world.models["d1"].broken = True
    assert world.run("a").failed[0].reason == "model_unavailable"
    world.models["d1"] = HashModel("d1")
    assert world.run("a").failed == ()
    assert world.loads == [1, 1]


def test_batch_after_batch_that_no_model_answers_means_a_broken_device(world: World) -> None:
    world.models["d1"].broken = True
    for _ in range(2):
        world.run("a")
    assert world.broken == 0
    world.run("a")
    assert world.broken == 1


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (UnavailableError("the database does not answer"), "store_unavailable"),
        (KeyError("canary-text"), "store_error"),
    ],
)
def test_a_store_that_fails_gives_the_items_back(
    world: World, failure: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.results.failure = failure
    done = world.run("canary-text", "b")
    assert [one.reason for one in done.failed] == [reason] * 2
    assert done.settled == ()
    world.results.failure = None
    assert world.run("a").failed == ()
    assert "canary-text" not in caplog.text


def test_a_registry_that_does_not_answer_gives_the_items_back(world: World) -> None:
    world.registry.away = True
    assert world.run("a").failed[0].reason == "store_unavailable"


def test_a_bug_is_logged_with_its_place_and_without_its_text(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(version_id: int, digest: str) -> HashModel:
        raise KeyError("canary-text")

    monkeypatch.setattr(world.loaded, "get", stumble)
    assert world.run("a").failed[0].reason == "worker_error"
    assert re.search(r"Batch b1 failed: KeyError at .*stumble:\d+", caplog.text)
    assert "canary-text" not in caplog.text


def test_items_without_memory_are_given_back(world: World) -> None:
    done = world.run("a", "greedy")
    assert [(one.offset, one.reason) for one in done.failed] == [(1, "out_of_memory")]
    assert [offset for _, offset in done.settled] == [0]


def test_the_next_batch_is_computed_while_one_is_written(world: World) -> None:
    world.results.delay_s = 0.3
    started = time.monotonic()
    world.worker.run_batch(encode(batch(item(0, "a"), batch_id="b1")))
    world.worker.run_batch(encode(batch(item(1, "b"), batch_id="b2")))
    assert time.monotonic() - started < 0.2, "both are computed; the first is still written"
    assert world.bus.completions == []
    assert [one.batch_id for one in world.bus.wait_for(2)] == ["b1", "b2"]


def test_a_slow_store_holds_the_device_back(world: World) -> None:
    world.results.delay_s = 0.1
    for number in range(8):
        world.worker.run_batch(encode(batch(item(number, "a"), batch_id=f"b{number}")))
    world.bus.wait_for(1)
    assert len(world.models["d1"].arrays) < 6, "computed ahead of what is written"
    assert len(world.bus.wait_for(8)) == 8


def test_the_batch_in_hand_is_announced_before_it_is_touched(world: World) -> None:
    model = world.models["d1"]
    seen = []
    parse = model.parse

    def look(texts: Any) -> Any:
        seen.append(world.bus.states[-1].running)
        return parse(texts)

    model.parse = look  # type: ignore[method-assign]
    world.run("a", batch_id="b7")
    assert seen == ["b7"]
    assert world.pulses[-1] is not None


def test_heartbeats_go_on_and_name_the_versions() -> None:
    world = World(heartbeat_s=0.02, routed=False)
    world.worker.start()
    world.run("a")
    count = len(world.bus.states)
    until(lambda: len(world.bus.states) > count + 2)
    world.worker.finish()
    last = world.bus.states[-1]
    assert (last.worker_id, last.queue, last.running, last.versions) == ("w1", "q1", None, (1,))
    assert world.bus.withdrawn == ["w1"]


def test_a_bus_that_goes_away_is_told_once_and_batches_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World(heartbeat_s=0.02, routed=False)
    world.worker.start()
    world.bus.away = True
    until(lambda: "does not answer" in caplog.text)
    world.worker.run_batch(encode(batch(item(0, "a"))))
    time.sleep(0.1)
    assert caplog.text.count("Going on") == 1
    world.bus.away = False
    assert world.bus.wait_for(1)[0].settled, "told when the bus is back"
    until(lambda: "reached again" in caplog.text)
    world.worker.finish()


def test_draining_finishes_what_is_in_hand_and_takes_no_more(world: World) -> None:
    world.results.delay_s = 0.1
    world.worker.run_batch(encode(batch(item(0, "a"), batch_id="in hand")))
    world.worker.drain()
    world.worker.run_batch(encode(batch(item(1, "b"), batch_id="too late")))
    until(lambda: len(world.bus.completions) == 1)
    assert [one.batch_id for one in world.bus.completions] == ["in hand"]
    assert world.bus.withdrawn == []


BROKEN_UTF8 = encode(batch(item(0, "a text"))).replace(b"a text", b"a \xffext")


@pytest.mark.parametrize("message", [b"", b"\xc1", b"\x80", encode({"batch_id": 1}), BROKEN_UTF8])
def test_a_message_that_is_no_batch_is_dropped(world: World, message: bytes) -> None:
    world.worker.run_batch(message)
    assert world.run("a").failed == ()


def test_no_text_and_no_answer_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.run("canary-text", "canary-text poison", "canary-text greedy")
    world.models["d1"].broken = True
    world.run("canary-text")
    assert "canary-text" not in caplog.text
    assert label_of("canary-text") not in caplog.text


def test_an_array_beyond_the_memory_is_reported_and_later_ones_are_cut_smaller(
    world: World,
) -> None:
    texts = [f"large {n}" for n in range(20)]
    assert world.run(*texts).exhausted
    model = world.models["d1"]
    assert len(model.arrays) > 2
    model.arrays.clear()
    done = world.run(*(f"small {n}" for n in range(20)))
    assert not done.exhausted
    assert max(rows * length for _, length, rows in model.arrays) <= 20 * 8 // 2


def test_a_budget_of_memory_is_halved_once_a_batch_and_doubles_with_time() -> None:
    now = 0.0
    memory = Memory(lambda: now)
    memory.exhausted(8000)
    memory.exhausted(4000)
    assert memory.budget == 4000
    assert memory.has_failed()
    assert not memory.has_failed()
    memory.exhausted(3000)
    assert memory.budget == 1500
    now = RECOVERY_S
    assert memory.budget == 3000
    assert memory.budget == 3000
    now = 5 * RECOVERY_S
    assert memory.budget == 6000
    for _ in range(20):
        memory.exhausted(1)
        memory.has_failed()
    assert memory.budget == FEWEST_TOKENS


def test_what_the_warm_up_took_is_announced() -> None:
    world = World(heartbeat_s=0.01)
    cost = Cost(1e-3, 2e-6)
    shapes = ((1, 16), (32, 16), (32, 64))
    world.models["d1"].timings = [(*shape, cost.seconds(*shape)) for shape in shapes]
    world.start()
    until(lambda: bool(world.bus.states[-1].costs))
    world.worker.finish()
    ((version_id, prices),) = world.bus.states[-1].costs
    assert version_id == 1
    assert prices == pytest.approx(cost)
