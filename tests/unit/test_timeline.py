"""Whether rows hold to the history: found where they do, and where they do not."""

import msgspec

from benchmarks.timeline import STALE_S, Change, Formed, Timeline, changes, mixed, within, wrong
from schemas.task import Task
from workers.desired import Event, RouteKey

KEY = RouteKey(Task.SENTIMENT, "en")
TIMELINE = Timeline(
    [
        Change(0.0, "live", "a@1"),
        Change(100.0, "live", "a@2"),
        Change(50.0, "canary", "a@2"),
        Change(100.0, "canary", None),
    ]
)


def row(at: float, version: str, arm: str = "live", batch: str = "b") -> Formed:
    return Formed(at, arm, version, batch)


def test_rows_by_the_arm_of_their_time_are_right() -> None:
    rows = [row(10, "a@1"), row(99, "a@1"), row(100.5, "a@1"), row(101, "a@2")]
    assert wrong([*rows, row(60, "a@2", "canary")], TIMELINE) == []


def test_rows_of_another_version_are_wrong() -> None:
    rows = [
        row(100 + STALE_S + 0.1, "a@1"),
        row(99, "a@2"),
        row(49, "a@2", "canary"),
        row(100 + STALE_S + 0.1, "a@2", "canary"),
        row(10, "b@1"),
    ]
    assert wrong(rows, TIMELINE) == rows


def test_a_batch_of_two_versions_is_found() -> None:
    rows = [row(1, "a@1", batch="x"), row(1, "a@1", batch="y"), row(1, "a@2", batch="x")]
    assert mixed(rows) == 1
    assert mixed(rows[:2]) == 0


def test_spans() -> None:
    assert within(2.0, [(0, 1), (2, 3)])
    assert not within(1.5, [(0, 1), (2, 3)])


def event(at: float, kind: str, was: str | None, to: str | None, **more: str) -> Event:
    return Event(
        at=at,
        actor="ada",
        action=kind,
        key=KEY,
        from_version=was,
        to_version=to,
        evidence={"kind": kind, "deployment": 1, **more},
    )


def test_a_deployment_that_failed_leaves_what_serves() -> None:
    events = [
        event(10.0, "canary", "a@1", "a@3", serving="a@1"),
        event(20.0, "live", "a@1", "a@2", serving="a@1"),
    ]
    allowed = Timeline(changes(events)).allowed
    assert allowed("live", 30.0) == {"a@1"}
    assert allowed("canary", 30.0) == set()


def test_what_the_history_says_of_the_arms() -> None:
    events = [
        event(10.0, "canary", None, "a@2"),
        event(20.0, "live", "a@1", "a@2"),
        msgspec.structs.replace(event(25.0, "pin", None, "a@1"), evidence={}),
        event(30.0, "live", "a@2", "a@1"),
    ]
    assert changes(events) == [
        Change(10.0, "canary", "a@2"),
        Change(0.0, "live", "a@1"),
        Change(20.0, "live", "a@2"),
        Change(20.0, "canary", None),
        Change(30.0, "live", "a@1"),
    ]
