"""A worker's versions as they shall be: loaded beside its batches, reported, given up."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.errors import UnavailableError
from schemas.task import Task
from tests.unit.worker_fakes import HashModel, until
from tests.unit.worker_world import World
from workers import replicas
from workers.desired import NO_ROOM, Deployment, Here, Replica, RouteKey


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_S", "BEAT_S", "_LOOK_S"):
        monkeypatch.setattr(replicas, name, 0.01)
    monkeypatch.setattr(replicas, "DRAIN_S", 0.05)


def wish(world: World, version: int, **changes: Any) -> Deployment:
    """To make a version live."""
    fields: dict[str, Any] = {
        "number": 1,
        "key": RouteKey(Task.SENTIMENT, "en"),
        "target": world.registry.all[version - 1],
        "kind": "live",
        "weight": 0.0,
        "action": "activate",
        "state": "PENDING",
        "mode": "availability",
        "actor": "ada",
        "reason": "",
        "requested_at": time.time(),
        "deadline": time.time() + 100,
    }
    return Deployment(**(fields | changes))


def started(capacity: int = 8) -> World:
    world = World(capacity=capacity)
    world.models["d4"] = HashModel("d4")
    world.start()
    return world


def test_what_a_deployment_wants_is_loaded_beside_and_given_up_when_nothing_does() -> None:
    world = started()
    assert world.rollouts.states() == dict.fromkeys((1, 3, 5), "READY")
    world.rollouts.pending = [wish(world, 2)]
    until(lambda: world.rollouts.states().get(2) == "READY")
    assert world.run("a").settled
    world.rollouts.pending = []
    until(lambda: world.loaded.versions == (1, 3, 5))
    until(lambda: 2 not in world.rollouts.states())
    world.worker.finish()
    assert world.rollouts.here == []


def test_what_a_batch_asked_for_by_name_stays() -> None:
    world = started()
    assert world.run("a", version_id=4, digest="d4").settled
    time.sleep(0.2)
    assert world.loaded.versions == (1, 3, 4, 5)
    world.worker.finish()


def test_a_failure_is_reported_with_its_reason_and_serves_on() -> None:
    world = started()
    del world.models["d2"]
    world.rollouts.pending = [wish(world, 2)]
    until(lambda: world.rollouts.states().get(2) == "FAILED")
    assert world.rollouts.replicas[2].reason == "/nowhere is damaged"
    assert world.run("a").settled
    loads = world.loads.count(2)
    time.sleep(0.1)
    assert world.loads.count(2) == loads, "one try for each wish"
    world.rollouts.pending = [wish(world, 2, number=2)]
    until(lambda: world.loads.count(2) > loads)
    world.worker.finish()


def test_a_version_without_room_beside_the_others_is_told_so() -> None:
    world = started(capacity=3)
    world.rollouts.pending = [wish(world, 2)]
    until(lambda: world.rollouts.states().get(2) == "FAILED")
    assert world.rollouts.replicas[2].reason.startswith(NO_ROOM)
    assert world.loaded.versions == (1, 3, 5)
    world.rollouts.pending = [wish(world, 2, mode="resource")]
    until(lambda: 2 in world.loaded.versions)
    assert len(world.loaded.versions) == 3
    world.worker.finish()


def test_a_load_that_could_not_be_told_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = started()
    beat, refused = world.rollouts.beat, threading.Event()

    def away_once(worker: Here, found: Sequence[Replica]) -> None:
        if not refused.is_set() and any(one.state == "LOADING" for one in found):
            refused.set()
            raise UnavailableError("the database does not answer")
        beat(worker, found)

    monkeypatch.setattr(world.rollouts, "beat", away_once)
    world.rollouts.pending = [wish(world, 2)]
    until(lambda: world.rollouts.states().get(2) == "READY")
    assert refused.is_set()
    world.worker.finish()
