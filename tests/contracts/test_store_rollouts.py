"""What the Rollouts port promises, on both databases."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from schemas.errors import UsageError
from schemas.groups import Share
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, manifest
from workers.desired import Deployment, Event, Here, Replica, RouteKey, Wish
from workers.ports import ModelVersion
from workers.sql import results, retirement
from workers.sql.errors import StoreError
from workers.sql.rollouts import SqlRollouts

__all__ = ["store_url", "world"]
KEY = RouteKey(Task.SENTIMENT, "en")


class Scene:
    """Three versions of a model, the first of them live."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rollouts = SqlRollouts(world.engine)
        self.first = world.version
        self.second, self.third = (self._register(number) for number in (2, 3))
        world.registry.route(*KEY[:2], self.first)

    def _register(self, number: int) -> ModelVersion:
        path = Path(f"/m/{number}")
        return self.world.registry.register(manifest(), f"{number:064x}", path)

    def wish(self, target: ModelVersion, **changes: Any) -> Deployment:
        fields: dict[str, Any] = {"key": KEY, "target": target, "actor": "ada"} | changes
        return self.rollouts.request(Wish(**fields))

    def flip(self, target: ModelVersion, **changes: Any) -> bool:
        return self.rollouts.flip(self.wish(target, **changes), "all ready")

    def live(self) -> tuple[int, int | None]:
        """Numbers of the live version and of the one before."""
        (route,) = self.rollouts.table()
        return route.live.version, route.previous.version if route.previous else None

    def states(self) -> list[str]:
        return [version.state for version in self.world.registry.versions()]

    def actions(self) -> list[str]:
        """What the history says, oldest first."""
        return [one.action for one in reversed(self.rollouts.history(None, 100))]


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    return Scene(world)


def test_a_flip_moves_one_row_and_says_so(scene: Scene) -> None:
    asked = scene.wish(scene.second)
    assert asked.state == "PENDING"
    assert scene.live() == (1, None)
    assert scene.rollouts.flip(asked, "all ready")
    assert scene.live() == (2, 1)
    assert scene.states() == ["registered", "live", "registered"]
    assert scene.rollouts.deployment(asked.number).state == "DONE"
    event = scene.rollouts.history("mood", 1)[0]
    assert (event.actor, event.action, event.key) == ("ada", "activate", KEY)
    assert (event.from_version, event.to_version) == ("mood@1", "mood@2")
    assert event.reason == "all ready"
    assert not scene.rollouts.flip(asked, "again")


def test_many_may_flip_and_one_does(scene: Scene) -> None:
    asked = scene.wish(scene.second)
    with ThreadPoolExecutor(6) as pool:
        flipped = list(pool.map(lambda _: scene.rollouts.flip(asked, "ready"), range(6)))
    assert flipped.count(True) == 1
    assert scene.live() == (2, 1)


def test_the_same_wish_twice_is_one(scene: Scene) -> None:
    assert scene.wish(scene.second).number == scene.wish(scene.second).number


def test_a_second_operator_supersedes_the_first(scene: Scene) -> None:
    first = scene.wish(scene.second)
    second = scene.wish(scene.third, actor="bob")
    ended = scene.rollouts.deployment(first.number)
    assert (ended.state, ended.reason) == ("CANCELLED", "superseded by activate mood@3")
    assert not scene.rollouts.flip(first, "ready")
    assert scene.rollouts.flip(second, "ready")
    assert scene.live() == (3, 1)


def test_operators_at_the_same_moment_leave_one_wish(scene: Scene) -> None:
    targets = [scene.second, scene.third] * 3
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda target: scene.wish(target).number, targets))
    (left,) = scene.rollouts.snapshot().pending
    assert left.number in numbers
    states = [scene.rollouts.deployment(number).state for number in set(numbers)]
    assert sorted(states) == ["CANCELLED"] * (len(states) - 1) + ["PENDING"]


def test_a_failed_deployment_leaves_the_route(scene: Scene) -> None:
    asked = scene.wish(scene.second)
    assert scene.rollouts.end(asked, "FAILED", "w1: files are damaged")
    assert scene.live() == (1, None)
    assert scene.rollouts.deployment(asked.number).reason == "w1: files are damaged"
    assert scene.actions()[-1] == "activate failed"
    assert not scene.rollouts.flip(asked, "late")


def test_what_flipped_for_want_of_memory_goes_back_when_it_fails(scene: Scene) -> None:
    asked = scene.wish(scene.second, mode="resource")
    assert scene.rollouts.flip(asked, "memory is short")
    assert scene.live() == (2, 1)
    assert scene.rollouts.deployment(asked.number).state == "PENDING"
    assert not scene.rollouts.flip(asked, "again")
    assert scene.rollouts.end(asked, "FAILED", "w1: files are damaged")
    assert scene.live() == (1, None)
    assert scene.states()[:2] == ["live", "registered"]


def test_what_flipped_for_want_of_memory_is_settled_when_it_is_there(scene: Scene) -> None:
    asked = scene.wish(scene.second)
    scene.rollouts.note(asked, "memory is short at w1", "resource")
    (noted,) = scene.rollouts.snapshot().pending
    assert (noted.mode, noted.reason) == ("resource", "memory is short at w1")
    assert scene.rollouts.flip(noted, "memory is short")
    assert scene.rollouts.settle(noted)
    assert scene.rollouts.deployment(asked.number).state == "DONE"
    assert scene.live() == (2, 1)


def test_a_rollback_in_place_goes_back_too_when_it_fails(scene: Scene) -> None:
    scene.flip(scene.second)
    asked = scene.wish(scene.first, mode="resource", action="rollback")
    assert scene.rollouts.flip(asked, "memory is short")
    assert scene.live() == (1, 2)
    assert scene.rollouts.end(asked, "FAILED", "w1: files are damaged")
    assert scene.live() == (2, None)


def test_after_a_rollback_in_place_there_is_no_version_before(scene: Scene) -> None:
    scene.flip(scene.second)
    asked = scene.wish(scene.first, mode="resource", action="rollback")
    assert scene.rollouts.flip(asked, "memory is short")
    assert scene.rollouts.settle(asked)
    assert scene.live() == (1, None)


def test_a_canary_and_a_shadow_stand_beside_the_live_version(scene: Scene) -> None:
    assert scene.flip(scene.second, kind="canary", weight=0.05, action="canary")
    assert scene.flip(scene.third, kind="shadow", weight=0.5, action="shadow")
    (route,) = scene.rollouts.table()
    assert (route.live.version, route.previous) == (1, None)
    assert (route.canary, route.canary_weight) == (scene.second, 0.05)
    assert (route.shadow, route.shadow_sample) == (scene.third, 0.5)
    assert scene.flip(scene.second, kind="canary", weight=0.2, action="canary")
    assert scene.rollouts.table()[0].canary_weight == 0.2


def test_a_promoted_canary_is_no_canary_any_more(scene: Scene) -> None:
    scene.flip(scene.second, kind="canary", weight=0.05)
    scene.flip(scene.third, kind="shadow", weight=1.0)
    assert scene.flip(scene.second, action="promote")
    (route,) = scene.rollouts.table()
    assert (route.live.version, route.previous) == (2, scene.first)
    assert (route.canary, route.canary_weight, route.shadow) == (None, 0.0, scene.third)


def test_a_canary_is_taken_back_once(scene: Scene) -> None:
    scene.flip(scene.second, kind="canary", weight=0.05)
    event = Event(
        at=0,
        actor="guard",
        action="rollback",
        key=KEY,
        from_version=None,
        to_version=None,
        reason="more errors",
        evidence={"errors": 7},
    )
    assert scene.rollouts.withdraw(KEY, "canary", event)
    assert not scene.rollouts.withdraw(KEY, "canary", event)
    assert scene.rollouts.table()[0].canary is None
    (newest, *_) = scene.rollouts.history("mood@2", 5)
    assert (newest.reason, newest.evidence) == ("more errors", {"errors": 7})


def test_a_tenant_gets_a_route_of_its_own(scene: Scene) -> None:
    assert scene.flip(scene.second, key=RouteKey(Task.SENTIMENT, "en", "acme"))
    found = {route.key.tenant: route.live.version for route in scene.rollouts.table()}
    assert found == {"": 1, "acme": 2}
    assert scene.world.registry.routes() == {KEY[:2]: scene.world.registry.versions()[0]}
    assert scene.states()[:2] == ["live", "live"]


def test_a_pin_is_set_and_lifted_once(scene: Scene) -> None:
    assert [scene.rollouts.pin(KEY, True, "ada") for _ in range(2)] == [True, False]
    assert scene.rollouts.table()[0].pinned
    assert [scene.rollouts.pin(KEY, False, "ada") for _ in range(2)] == [True, False]
    assert scene.actions()[-2:] == ["pin", "unpin"]


def test_only_what_nothing_leads_to_is_retired_or_removed(scene: Scene) -> None:
    scene.rollouts.name("mood", "tried", scene.third, "ada")
    scene.wish(scene.second)
    for version, why in ((scene.first, "is live"), (scene.second, "being"), (scene.third, "alias")):
        for forbidden in (scene.rollouts.retire, scene.rollouts.remove):
            with pytest.raises(UsageError, match=why):
                forbidden(version, "ada")
    scene.rollouts.name("mood", "tried", None, "ada")
    assert [scene.rollouts.retire(scene.third, "ada") for _ in range(2)] == [True, False]
    assert scene.states() == ["live", "registered", "retired"]


def test_a_version_that_never_answered_is_forgotten_but_not_its_history(scene: Scene) -> None:
    scene.flip(scene.second)
    scene.flip(scene.first)
    scene.rollouts.beat(here("w1"), [replica("w1", scene.second)])
    scene.rollouts.remove(scene.second, "ada")
    assert [v.version for v in scene.world.registry.versions()] == [1, 3]
    assert scene.live() == (1, None)
    assert [one.to_version for one in scene.rollouts.history("mood@2", 9)][-1] == "mood@2"


def test_a_version_that_has_answered_is_not_forgotten(scene: Scene) -> None:
    scene.world.record(scene.world.answer(1), version=scene.second)
    with pytest.raises(UsageError, match="models retire mood@2"):
        scene.rollouts.remove(scene.second, "ada")


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_version_is_not_forgotten_while_its_first_answer_is_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who removes it waits for the writer, and then finds the row."""
    wrote, go_on = threading.Event(), threading.Event()
    original = results.insert_endings

    def slowly(*given: object) -> None:
        wrote.set()
        assert go_on.wait(10)
        original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "insert_endings", slowly)
    with ThreadPoolExecutor(2) as pool:
        answer = scene.world.answer(1)
        writing = pool.submit(scene.world.record, answer, version=scene.second)
        assert wrote.wait(10)
        removing = pool.submit(scene.rollouts.remove, scene.second, "ada")
        with pytest.raises(TimeoutError):
            removing.result(0.5)
        go_on.set()
        with pytest.raises(UsageError, match="models retire mood@2"):
            removing.result(10)
        assert len(writing.result(10).settled) == 1


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_no_answer_comes_of_a_version_that_is_being_forgotten(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes waits until it is gone, and learns that it is."""
    removed, go_on = threading.Event(), threading.Event()
    original = retirement.add_event

    def slowly(*given: object) -> None:
        removed.set()
        assert go_on.wait(10)
        original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(retirement, "add_event", slowly)
    with ThreadPoolExecutor(2) as pool:
        removing = pool.submit(scene.rollouts.remove, scene.second, "ada")
        assert removed.wait(10)
        writing = pool.submit(scene.world.record, scene.world.answer(1), version=scene.second)
        with pytest.raises(TimeoutError):
            writing.result(0.5)
        go_on.set()
        removing.result(10)
        with pytest.raises(StoreError, match="not registered"):
            writing.result(10)
    assert scene.world.answered() == {}


def test_names_of_ones_own(scene: Scene) -> None:
    set_to = (scene.second, scene.second, scene.third, None, None)
    done = [scene.rollouts.name("mood", "tried", version, "ada") for version in set_to]
    assert done == [True, False, True, True, False]
    scene.rollouts.name("mood", "tried", scene.second, "ada")
    assert scene.rollouts.aliases() == {("mood", "tried"): scene.second.version_id}


def here(worker_id: str) -> Here:
    """A worker of a group."""
    return Here(
        worker_id=worker_id,
        device="cpu",
        serves=Share(only=("mood",)),
        memory_limit=100,
        memory_bytes=7,
        heartbeat_at=0,
    )


def replica(worker_id: str, version: ModelVersion, state: Any = "READY", **more: Any) -> Replica:
    """What a worker says of a version."""
    return Replica(worker_id=worker_id, version_id=version.version_id, state=state, **more)


def test_a_worker_says_what_it_has(scene: Scene) -> None:
    failed = replica("w1", scene.second, "FAILED", reason="damaged")
    scene.rollouts.beat(
        here("w1"), [replica("w1", scene.first, memory_bytes=5, build="litert-int8"), failed]
    )
    before = scene.rollouts.snapshot()
    (worker,) = before.workers
    assert (worker.serves, worker.memory_limit) == (Share(only=("mood",)), 100)
    assert abs(worker.heartbeat_at - before.now) < 5
    found = {
        one.version_id: (one.state, one.reason, one.memory_bytes, one.build)
        for one in before.replicas
    }
    assert found == {
        scene.first.version_id: ("READY", "", 5, "litert-int8"),
        scene.second.version_id: ("FAILED", "damaged", 0, None),
    }
    scene.rollouts.beat(here("w1"), [failed])
    (after,) = scene.rollouts.snapshot().replicas
    assert after == next(one for one in before.replicas if one.state == "FAILED")


def test_who_leaves_or_is_silent_is_forgotten_with_all_it_had(scene: Scene) -> None:
    for worker_id in ("w1", "w2", "w3"):
        scene.rollouts.beat(here(worker_id), [replica(worker_id, scene.first)])
    scene.rollouts.leave("w1")
    later = scene.rollouts.snapshot().now + 5
    with scene.world.engine.begin() as connection:
        later_text = "'9999-01-01 00:00:00.000000'"
        connection.execute(
            text(f"UPDATE worker SET heartbeat_at = {later_text} WHERE worker_id = 'w3'")
        )
    scene.rollouts.forget_silent(later)
    found = scene.rollouts.snapshot()
    assert [one.worker_id for one in found.workers] == ["w3"]
    assert [one.worker_id for one in found.replicas] == ["w3"]


def test_a_deployment_that_is_not_there(scene: Scene) -> None:
    with pytest.raises(UsageError, match="no deployment 99"):
        scene.rollouts.deployment(99)
