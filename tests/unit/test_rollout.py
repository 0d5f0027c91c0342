"""What happens next to deployments and replicas: a table of situations, without a clock."""

from typing import Any

import pytest

from schemas.groups import Share
from schemas.task import Task
from tests.unit.examples import route, version
from workers.core.rollout import (
    ALIVE_S,
    RETRY_S,
    Action,
    Fail,
    Flip,
    Load,
    Settle,
    Unload,
    Wait,
    next_actions,
)
from workers.desired import NO_ROOM, Deployment, Here, Replica, RouteKey, Snapshot

NOW = 1000.0
OLD, NEW, OTHER = version(1), version(2), version(3)
KEY = RouteKey(Task.SENTIMENT, "en")


def here(worker_id: str, silent_s: float = 1.0, **more: Any) -> Here:
    """A worker, heard of so many seconds ago."""
    fields = {"device": "cpu", "serves": Share(), "memory_limit": 0, "memory_bytes": 0} | more
    return Here(worker_id=worker_id, heartbeat_at=NOW - silent_s, **fields)


def has(worker_id: str, version_id: int, state: Any = "READY", **more: Any) -> Replica:
    """A replica, reported a second ago."""
    return Replica(
        worker_id=worker_id, version_id=version_id, state=state, **({"at": NOW - 1} | more)
    )


def wish(**changes: Any) -> Deployment:
    """To make NEW live, asked for ten seconds ago."""
    fields: dict[str, Any] = {
        "number": 7,
        "key": KEY,
        "target": NEW,
        "kind": "live",
        "weight": 0.0,
        "action": "activate",
        "state": "PENDING",
        "mode": "availability",
        "actor": "ada",
        "reason": "",
        "requested_at": NOW - 10,
        "deadline": NOW + 100,
    }
    return Deployment(**(fields | changes))


def actions(*replicas: Replica, workers: Any = "ab", **more: Any) -> list[Action]:
    """What is next where OLD is live and NEW is wanted at workers that live."""
    found = [here(one) if isinstance(one, str) else one for one in workers]
    fields: dict[str, Any] = {"routes": [route(OLD)], "pending": [wish()]} | more
    old = [has(one.worker_id, 1) for one in found]
    return next_actions(Snapshot(now=NOW, workers=found, replicas=[*old, *replicas], **fields))


def decided(found: list[Action]) -> Any:
    """What becomes of the deployment."""
    (action,) = [one for one in found if not isinstance(one, Load | Unload)]
    return action


def loads(found: list[Action]) -> list[tuple[str, int]]:
    """Who loads what."""
    return [(one.worker_id, one.version.version_id) for one in found if isinstance(one, Load)]


def test_first_every_worker_loads_the_new_version_beside() -> None:
    found = actions()
    assert loads(found) == [("a", 2), ("b", 2)]
    assert all(one.beside for one in found if isinstance(one, Load))
    assert decided(found).reason == "ready at 0 of 2 workers; waits for a, b"


def test_one_who_is_ready_waits_for_the_other() -> None:
    found = actions(has("a", 2), has("b", 2, "LOADING"))
    assert loads(found) == []
    assert isinstance(decided(found), Wait)
    assert decided(found).reason == "ready at 1 of 2 workers; waits for b"


def test_when_all_are_ready_the_route_flips() -> None:
    found = actions(has("a", 2), has("b", 2))
    assert found == [Flip(wish(), "ready at 2 of 2 workers")]


def test_a_failed_load_leaves_the_old_one_serving_and_says_why() -> None:
    found = actions(has("a", 2), has("b", 2, "FAILED", reason="files are damaged"))
    assert found == [Fail(wish(), "b: files are damaged")]


def test_a_failure_from_before_the_wish_is_tried_again() -> None:
    found = actions(has("a", 2), has("b", 2, "FAILED", at=NOW - 11))
    assert loads(found) == [("b", 2)]
    assert isinstance(decided(found), Wait)


def test_a_worker_that_dies_while_loading_is_waited_for_no_more() -> None:
    dying = [here("a"), here("b", ALIVE_S - 1)]
    assert isinstance(decided(actions(has("a", 2), has("b", 2, "LOADING"), workers=dying)), Wait)
    dead = [here("a"), here("b", ALIVE_S + 1)]
    found = actions(has("a", 2), has("b", 2, "LOADING"), workers=dead)
    assert isinstance(decided(found), Flip)
    assert loads(found) == []


def test_its_successor_has_to_load_first() -> None:
    found = actions(has("a", 2), workers=[here("a"), here("b", 60), here("c")])
    assert loads(found) == [("c", 2)]
    assert decided(found).reason == "ready at 1 of 2 workers; waits for c"


def test_a_worker_that_joins_later_loads_what_routes_lead_to() -> None:
    found = next_actions(Snapshot(now=NOW, routes=[route(OLD, canary=NEW)], workers=[here("a")]))
    assert loads(found) == [("a", 1), ("a", 2)]


def test_a_worker_that_joins_in_the_middle_is_waited_for() -> None:
    """The others are ready; it came a moment ago and has nothing yet."""
    ready = has("a", 2), has("b", 2)
    found = actions(*ready, workers=["a", "b", "c"])
    assert isinstance(decided(found), Wait)
    assert ("c", 2) in loads(found)
    assert isinstance(decided(actions(*ready, has("c", 2), workers=["a", "b", "c"])), Flip)


def test_one_that_never_gets_ready_fails_at_the_deadline() -> None:
    late = wish(deadline=NOW - 1)
    found = actions(has("a", 2), has("b", 2, "LOADING"), pending=[late])
    reason = "after 9 s ready at 1 of 2 workers; waits for b"
    assert decided(found) == Fail(late, reason)


def test_nobody_alive_is_waited_for_until_the_deadline() -> None:
    found = actions(workers=[here("a", 60)])
    assert found == [Wait(wish(), "no worker that serves mood is there", "availability")]
    late = wish(deadline=NOW - 1)
    found = actions(workers=[here("a", 60)], pending=[late])
    assert found == [Fail(late, "after 9 s no worker that serves mood is there")]


def test_workers_of_another_group_are_not_asked() -> None:
    others = [here("a"), here("b", serves=Share(only=("topic",)))]
    assert loads(actions(workers=others)) == [("a", 2)]
    assert isinstance(decided(actions(has("a", 2), workers=others)), Flip)


def test_two_operators_wishes_for_one_version_are_decided_alike() -> None:
    pending = [wish(), wish(number=8, key=RouteKey(Task.SENTIMENT, "zh"), kind="canary")]
    found = actions(has("a", 2), has("b", 2), pending=pending)
    assert found == [Flip(one, "ready at 2 of 2 workers") for one in pending]
    found = actions(has("a", 2), pending=pending)
    assert loads(found) == [("b", 2)], "loaded once, for both"


def test_where_memory_is_short_the_route_flips_first() -> None:
    short = has("a", 2, "FAILED", reason=f"{NO_ROOM}: mood@2 takes 9 MiB")
    (waits,) = [one for one in actions(short, has("b", 2)) if isinstance(one, Wait)]
    assert (waits.mode, waits.reason) == ("resource", "memory is short at a")
    hungry = wish(mode="resource")
    found = actions(short, has("b", 2), pending=[hungry])
    assert isinstance(decided(found), Flip)
    assert [one.beside for one in found if isinstance(one, Load)] == [False]


def test_what_flipped_first_is_proven_or_goes_back() -> None:
    hungry = wish(mode="resource")
    flipped = {"routes": [route(NEW, previous=OLD)], "pending": [hungry]}
    assert isinstance(decided(actions(has("a", 2, "LOADING"), **flipped)), Wait)
    assert isinstance(decided(actions(has("a", 2), has("b", 2), **flipped)), Settle)
    failed = has("a", 2, "FAILED", reason="files are damaged")
    assert decided(actions(failed, **flipped)) == Fail(hungry, "a: files are damaged")


def test_a_canary_without_room_is_refused() -> None:
    canary = wish(kind="canary", weight=0.1)
    short = has("a", 2, "FAILED", reason=f"{NO_ROOM}: mood@2 takes 9 MiB")
    found = actions(short, pending=[canary])
    assert isinstance(decided(found), Fail)
    assert NO_ROOM in decided(found).reason


def test_what_no_route_leads_to_is_given_up() -> None:
    routes = [route(NEW, previous=OLD)]
    found = actions(has("a", 2), has("b", 2), has("a", 3, "FAILED"), routes=routes, pending=[])
    assert found == [Unload("a", 1), Unload("b", 1)]


@pytest.mark.parametrize("arm", ["canary", "shadow"])
def test_what_an_arm_leads_to_stays(arm: str) -> None:
    routes = [route(OLD, **{arm: NEW})]
    assert actions(has("a", 2), has("b", 2), routes=routes, pending=[]) == []


def test_a_routed_version_that_failed_is_tried_again_after_a_while() -> None:
    routes = [route(NEW)]
    for age, again in ((RETRY_S - 1, []), (RETRY_S + 1, [("a", 2)])):
        failed = has("a", 2, "FAILED", at=NOW - age)
        assert loads(actions(failed, workers="a", routes=routes, pending=[])) == again
