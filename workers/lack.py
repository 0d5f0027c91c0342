"""What a worker lacks of the versions that routes lead to, and what that means. Pure."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from workers.desired import NO_ROOM, Replica
from workers.ports import ModelVersion


class Lack(NamedTuple):
    """What is not there."""

    missing: tuple[int, ...] = ()
    """Routed versions that are not here, but for want of room, ascending."""
    loading: tuple[str, ...] = ()
    """Models that the worker may not be sent work for yet, by name, ascending. A version that
    failed counts no more: batches try it again. Without any other it does: a worker that has
    nothing would be the quickest of all, at failing."""
    useless: bool = False
    """Whether none is here, and each has failed."""


def lack(
    routed: Mapping[int, ModelVersion],
    here: Collection[int],
    due: Collection[int],
    said: Mapping[int, Replica],
) -> Lack:
    """What is lacking.

    Args:
        routed: the live versions of the models that the worker serves, by primary key.
        here: versions that are loaded and warm.
        due: versions that it is to load now.
        said: what it last said of those that are not here.
    """
    failed = {one for one, replica in said.items() if replica.state == "FAILED"}
    roomless = {one for one in failed if said[one].reason.startswith(NO_ROOM)}
    awaited = [version for one, version in routed.items() if one in due or not here]
    return Lack(
        missing=tuple(sorted(routed.keys() - {*here, *roomless})),
        loading=tuple(sorted({version.name for version in awaited})),
        useless=bool(routed) and not here and routed.keys() <= failed - set(due),
    )
