"""What becomes of one route that a command is about."""

from typing import Literal

import msgspec

from workers.desired import Deployment, RouteKey
from workers.ports import ModelVersion


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one route."""

    key: RouteKey
    action: str
    version: str
    """`NAME@N`, which is to answer; of a withdrawal, which did."""
    state: Literal["PENDING", "DONE", "FAILED", "CANCELLED"]
    reason: str
    deployment: int | None = None
    """Number to ask for; None where nothing had to be waited for."""


def step_of(one: Deployment) -> Step:
    """How a deployment stands."""
    return Step(
        key=one.key,
        action=one.action,
        version=str(one.target),
        state=one.state,
        reason=one.reason,
        deployment=one.number,
    )


def done(key: RouteKey, action: str, version: ModelVersion, reason: str) -> Step:
    """Nothing had to be waited for."""
    return Step(key=key, action=action, version=str(version), state="DONE", reason=reason)
