"""Which version was to answer when, by the history, and whether rows hold to it. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from workers.desired import Event

STALE_S = 2.0
"""How long after a change a dispatcher may form batches by the routes before: it looks at them
every second, and a busy machine may delay that."""


class Change(msgspec.Struct, frozen=True):
    """From `at` on, in seconds since 1970, an arm is this version; None: there is no such arm."""

    at: float
    arm: str
    """`live` or `canary`."""
    version: str | None


class Formed(msgspec.Struct, frozen=True):
    """A row."""

    at: float
    """When its batch was formed, in seconds since 1970."""
    arm: str
    version: str
    batch: str


class Timeline:
    """Who was which arm when."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes: dict[str, list[Change]] = defaultdict(list)
        for change in sorted(changes, key=lambda one: one.at):
            self._changes[change.arm].append(change)

    def allowed(self, arm: str, at: float, stale_s: float = STALE_S) -> set[str | None]:
        """The versions that were this arm at a moment, or within `stale_s` before it."""
        changes = self._changes[arm]
        moments = [one.at for one in changes]
        first = max(bisect_right(moments, at - stale_s) - 1, 0)
        return {one.version for one in changes[first : bisect_right(moments, at)]}


def wrong(rows: Iterable[Formed], timeline: Timeline) -> list[Formed]:
    """The rows whose version was not their arm when their batch was formed."""
    return [row for row in rows if row.version not in timeline.allowed(row.arm, row.at)]


def mixed(rows: Iterable[Formed]) -> int:
    """How many batches hold rows of several versions."""
    versions: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        versions[row.batch].add(row.version)
    return sum(len(found) > 1 for found in versions.values())


def within(at: float, spans: Sequence[tuple[float, float]]) -> bool:
    """Whether a moment lies in one of these spans."""
    return any(begin <= at <= end for begin, end in spans)


def changes(events: Iterable[Event]) -> list[Change]:
    """What the history of one route says of its arms; oldest event first. The version before the
    first change was live from the beginning."""
    found: list[Change] = []
    canary: str | None = None
    for event in events:
        kind = event.evidence.get("kind") if "deployment" in event.evidence else None
        if "serving" in event.evidence:  # it failed or was cancelled, after a flip perhaps
            if kind != "live":
                continue
            event = msgspec.structs.replace(event, to_version=event.evidence["serving"])
        if kind == "live":
            if not any(one.arm == "live" for one in found):
                found.append(Change(0.0, "live", event.from_version))
            found.append(Change(event.at, "live", event.to_version))
        if kind == "canary":
            canary = event.to_version
            found.append(Change(event.at, "canary", canary))
        ends = event.to_version == canary if kind == "live" else event.to_version is None
        if canary is not None and ends:
            canary = None
            found.append(Change(event.at, "canary", None))
    return found
