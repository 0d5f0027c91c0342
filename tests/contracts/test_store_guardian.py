"""A worse canary is taken back and a better one promoted, by themselves, on both databases."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from schemas.groups import EVERYTHING
from schemas.prediction import Prediction
from schemas.settings import RolloutSettings
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, manifest
from tests.contracts.test_store_comparison import shade
from workers.core.endings import quarantined
from workers.core.guard import Evidence
from workers.desired import Event, Here, Replica, Route, RouteKey, Wish
from workers.guardian import Guardian
from workers.ports import ModelVersion
from workers.sql.arms import SqlArms
from workers.sql.rollouts import SqlRollouts
from workers.steward import Steward

__all__ = ["store_url", "world"]

KEY = RouteKey(Task.SENTIMENT, "en")
RULES = RolloutSettings(automatic=True, min_samples=30, check_s=1.0, max_error_rise=0.15)


class Canary:
    """A route with a live version and a canary, and what both have answered."""

    def __init__(self, world: World, rules: RolloutSettings = RULES) -> None:
        self.world = world
        self.new = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
        world.registry.route(*KEY[:2], world.version)
        self.rollouts = SqlRollouts(world.engine)
        self._worker()
        wish = Wish(key=KEY, target=self.new, kind="canary", weight=0.5, action="canary")
        self.rollouts.request(wish)
        self.steward = Steward(self.rollouts)
        self.steward.step()
        assert self.rollouts.table()[0].canary == self.new
        self.now = 0.0
        self.guardian = Guardian(
            self.rollouts, SqlArms(world.engine), rules, clock=lambda: self.now
        )

    def _worker(self) -> None:
        """One worker that has both versions."""
        here = Here(
            worker_id="w1",
            device="cpu",
            serves=EVERYTHING,
            memory_limit=0,
            memory_bytes=0,
            heartbeat_at=0.0,
        )
        both = (self.world.version, self.new)
        self.rollouts.beat(
            here,
            [Replica(worker_id="w1", version_id=one.version_id, state="READY") for one in both],
        )

    def answer(self, *, alike: bool = True, errors: int = 0) -> None:
        """Forty jobs of each; the live version answers the canary's too."""
        world = self.world
        said = Prediction(tokens=1, label="positive", score=0.9, scores={"positive": 0.9})
        other = said if alike else msgspec.structs.replace(said, label="negative")
        world.record(*(world.answer(number, said=said) for number in range(40)))
        mine = [world.answer(number, said=other, arm="canary") for number in range(40, 80)]
        world.record(*mine, version=self.new)
        shade(world, world.version, [world.answer(number, said=said) for number in range(40, 80)])
        ends = [
            quarantined(world.item(number, arm="canary"), self.new.version_id, "poison", "fails")
            for number in range(80, 80 + errors)
        ]
        if ends:
            world.ledger.end(ends)

    def look(self) -> ModelVersion | None:
        """Judge, carry out, and say who is canary then."""
        self.now += 60
        self.guardian.step()
        self.steward.step()
        return self.rollouts.table()[0].canary

    @property
    def live(self) -> ModelVersion:
        return self.rollouts.table()[0].live

    @property
    def newest(self) -> Event:
        return self.rollouts.history("mood", 1)[0]


def audited(event: Event, action: str) -> dict[str, Any]:
    """The evidence of what the guard did."""
    assert (event.actor, event.action) == ("guard", action)
    assert event.reason
    return event.evidence


def test_a_worse_canary_is_taken_back(world: World) -> None:
    story = Canary(world)
    story.answer(alike=False)
    assert story.look() is None
    assert story.live.version == 1
    evidence = audited(story.newest, "rollback")
    assert story.newest.from_version == "mood@2"
    assert evidence["evidence"]["pairs"] == 40
    assert evidence["evidence"]["alike"] == 0
    assert "agreement" in evidence["verdict"]
    assert evidence["rules"]["min_agreement"] == 0.8


def test_a_failing_canary_is_taken_back(world: World) -> None:
    story = Canary(world)
    story.answer(errors=20)
    assert story.look() is None
    evidence = audited(story.newest, "rollback")["evidence"]
    assert (evidence["canary"]["jobs"], evidence["canary"]["errors"]) == (60, 20)


def test_a_good_canary_is_promoted(world: World) -> None:
    story = Canary(world)
    story.answer()
    assert story.look() is None
    assert story.live.version == 2
    evidence = audited(story.newest, "promote")
    assert (story.newest.from_version, story.newest.to_version) == ("mood@1", "mood@2")
    assert evidence["evidence"]["live"]["jobs"] == 40
    assert evidence["evidence"]["canary"]["p99_ms"] > 0


@pytest.mark.parametrize("alike", [True, False])
def test_a_pin_wins(world: World, alike: bool) -> None:
    story = Canary(world)
    story.rollouts.pin(KEY, True, "somebody")
    story.answer(alike=alike)
    assert story.look() == story.new
    assert story.live.version == 1


@pytest.mark.parametrize("alike", [True, False])
def test_nothing_happens_unless_it_is_allowed(world: World, alike: bool) -> None:
    story = Canary(world, RolloutSettings())
    story.answer(alike=alike)
    assert story.look() == story.new


def test_too_little_is_waited_for(world: World) -> None:
    story = Canary(world, msgspec.structs.replace(RULES, min_samples=100))
    story.answer()
    assert story.look() == story.new


def test_what_was_before_the_route_changed_does_not_count(world: World) -> None:
    story = Canary(world)
    story.answer(alike=False)
    with world.engine.begin() as connection:
        for table in ("result", "shadow_result"):
            connection.execute(text(f"UPDATE {table} SET created_at = '2020-01-01 00:00:00+00:00'"))
    assert story.look() == story.new


def test_two_look_at_once_and_one_does_it(world: World) -> None:
    story = Canary(world)
    story.answer(alike=False)
    second = Guardian(story.rollouts, SqlArms(world.engine), RULES, clock=lambda: 99.0)
    story.look()
    second.step()
    events = [event for event in story.rollouts.history("mood", 50) if event.actor == "guard"]
    assert len(events) == 1


@pytest.mark.parametrize("alike", [True, False])
def test_a_pin_that_is_set_while_it_looks_wins(world: World, alike: bool) -> None:
    story = Canary(world)
    story.answer(alike=alike)
    arms = SqlArms(world.engine)

    class Slow:
        def evidence(self, routed: Route) -> Evidence | None:
            found = arms.evidence(routed)
            story.rollouts.pin(KEY, True, "somebody")
            return found

    Guardian(story.rollouts, Slow(), RULES, clock=lambda: 99.0).step()
    story.steward.step()
    assert story.rollouts.table()[0].canary == story.new
    assert story.live.version == 1
    assert story.newest.actor == "somebody"
