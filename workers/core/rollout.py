"""What happens next to deployments and replicas, from a picture of everything. Pure.

    wait      until every living worker that serves the model has the version, warm
    load      a version at a worker: what a pending deployment wants, or a route leads to
    flip      the route: one row; batches are formed of the new version from then on
    settle    a deployment that flipped before its version was loaded, and is proven now
    fail      a deployment: its reason is the worker's own; what served before serves on
    unload    what no route leads to any more

By default the new version is loaded *beside* the old one (availability-preserving). Where a worker
has no room for both, or an operator says so, the route flips first, and workers load the new
version in the place of others; batches wait for it meanwhile (resource-preserving). If it fails
then, the route goes back.

Dispatchers carry out what concerns routes, each worker what concerns itself. All look at the same
picture, so it does not matter who is first, nor whether one of them dies half way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from workers.desired import NO_ROOM, Deployment, Here, Mode, Replica, Snapshot
from workers.ports import ModelVersion

ALIVE_S: Final = 10.0
"""A worker silent for so long is waited for no more."""
RETRY_S: Final = 60.0
"""Pause before a worker tries a routed version again that it could not load."""
FORGOTTEN_S: Final = 600.0
"""A worker silent for so long is forgotten."""


class Load(msgspec.Struct, frozen=True):
    """Let a worker load a version."""

    worker_id: str
    version: ModelVersion
    beside: bool
    """Whether what routes lead to must stay; else the least recently used makes room."""


class Unload(msgspec.Struct, frozen=True):
    """Let a worker give up a version, once its batches are done."""

    worker_id: str
    version_id: int


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do but to say what is waited for."""

    deployment: Deployment
    reason: str
    mode: Mode
    """How it goes on."""


class Flip(msgspec.Struct, frozen=True):
    """Let the route lead to the new version."""

    deployment: Deployment
    reason: str


class Settle(msgspec.Struct, frozen=True):
    """It flipped before, and every worker has it now."""

    deployment: Deployment


class Fail(msgspec.Struct, frozen=True):
    """Give it up; a route that flipped already goes back."""

    deployment: Deployment
    reason: str


Action = Load | Unload | Wait | Flip | Settle | Fail


def next_actions(snapshot: Snapshot) -> list[Action]:
    """What is to be done now; carrying it out twice does no harm."""
    alive = living(snapshot)
    replicas = {(one.worker_id, one.version_id): one for one in snapshot.replicas}
    decided = [_decide(one, snapshot, alive, replicas) for one in snapshot.pending]
    # a load takes a while, after which this picture is old: what is to leave leaves before
    return [*decided, *_unloads(snapshot, alive), *_loads(snapshot, alive, replicas)]


def living(snapshot: Snapshot) -> list[Here]:
    """The workers that were heard of lately, by id."""
    fresh = (one for one in snapshot.workers if snapshot.now - one.heartbeat_at <= ALIVE_S)
    return sorted(fresh, key=lambda one: one.worker_id)


def _decide(
    deployment: Deployment,
    snapshot: Snapshot,
    alive: Sequence[Here],
    replicas: Mapping[tuple[str, int], Replica],
) -> Action:
    target = deployment.target
    serving = [one for one in alive if target.name in one.serves]
    found = {one.worker_id: replicas.get((one.worker_id, target.version_id)) for one in serving}
    failed = _failure(deployment, found.values())
    if failed is not None and failed.reason.startswith(NO_ROOM) and deployment.kind == "live":
        return Wait(deployment, f"memory is short at {failed.worker_id}", "resource")
    if failed is not None:
        return Fail(deployment, f"{failed.worker_id}: {failed.reason}")
    missing = [name for name, one in found.items() if one is None or one.state != "READY"]
    ready = f"ready at {len(serving) - len(missing)} of {len(serving)} workers"
    if serving and not missing:
        settled = _has_flipped(deployment, snapshot)
        return Settle(deployment) if settled else Flip(deployment, ready)
    if snapshot.now > deployment.deadline:
        seconds = deployment.deadline - deployment.requested_at
        return Fail(deployment, f"after {seconds:.0f} s {_waits_for(deployment, missing, ready)}")
    if serving and deployment.mode == "resource" and not _has_flipped(deployment, snapshot):
        return Flip(deployment, "memory does not hold both versions; batches wait for the load")
    return Wait(deployment, _waits_for(deployment, missing, ready), deployment.mode)


def _waits_for(deployment: Deployment, missing: Sequence[str], ready: str) -> str:
    if not missing:
        return f"no worker that serves {deployment.target.name} is there"
    return f"{ready}; waits for {', '.join(missing)}"


def _has_flipped(deployment: Deployment, snapshot: Snapshot) -> bool:
    return deployment.kind == "live" and any(
        route.key == deployment.key and route.live.version_id == deployment.target.version_id
        for route in snapshot.routes
    )


def _failure(deployment: Deployment, found: Iterable[Replica | None]) -> Replica | None:
    """A load that failed since the deployment was asked for; where it needed room that it is
    given now, that counts no more."""
    for one in found:
        if one is None or one.state != "FAILED" or one.at < deployment.requested_at:
            continue
        if deployment.mode == "availability" or not one.reason.startswith(NO_ROOM):
            return one
    return None


def _loads(
    snapshot: Snapshot, alive: Sequence[Here], replicas: Mapping[tuple[str, int], Replica]
) -> Iterator[Load]:
    routed = {v.version_id: v for route in snapshot.routes for v in route.versions}
    wanted = routed | {one.target.version_id: one.target for one in snapshot.pending}
    asked = {one.target.version_id: one for one in snapshot.pending}
    for worker in alive:
        for version_id, version in wanted.items():
            replica = replicas.get((worker.worker_id, version_id))
            pending = asked.get(version_id)
            if version.name in worker.serves and _is_due(replica, pending, snapshot.now):
                beside = pending is None or pending.mode == "availability"
                yield Load(worker.worker_id, version, beside)


def _is_due(replica: Replica | None, pending: Deployment | None, now: float) -> bool:
    """Whether a worker should load now what it is to have."""
    if replica is None:
        return True
    if replica.state != "FAILED":
        return False
    if pending is None:
        return now - replica.at > RETRY_S
    needed_room = pending.mode == "resource" and replica.reason.startswith(NO_ROOM)
    return needed_room or replica.at < pending.requested_at


def _unloads(snapshot: Snapshot, alive: Sequence[Here]) -> Iterator[Unload]:
    here = {one.worker_id for one in alive}
    kept = wanted_versions(snapshot)
    for replica in snapshot.replicas:
        idle = replica.state == "READY" and replica.version_id not in kept
        if idle and replica.worker_id in here:
            yield Unload(replica.worker_id, replica.version_id)


def wanted_versions(snapshot: Snapshot) -> set[int]:
    """Versions that a route leads to, or shall."""
    routed = {v.version_id for route in snapshot.routes for v in route.versions}
    return routed | {one.target.version_id for one in snapshot.pending}
