"""Entering wishes and taking things back, in one person's or program's name."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from workers.core.rollout import living
from workers.desired import Event, Kind, Rollouts, Route, RouteKey, Wish
from workers.ports import ModelVersion
from workers.rollout.scope import Scope, is_meant
from workers.rollout.steps import Step, done, step_of

Arm = Literal["canary", "shadow"]


class Wishes:
    """Who wishes."""

    def __init__(
        self,
        rollouts: Rollouts,
        *,
        actor: str,
        tell: Callable[[], object],
        patience_s: float,
        evidence: Mapping[str, Any],
    ) -> None:
        """See `workers.rollout.operator.Operator`."""
        self._rollouts = rollouts
        self._actor = actor
        self._tell = tell
        self._patience_s = patience_s
        self._evidence = dict(evidence)

    def enter(
        self,
        action: str,
        targets: Mapping[RouteKey, ModelVersion],
        forced: Mapping[RouteKey, str] | None = None,
        **more: Any,
    ) -> list[Step]:
        """Ask that routes lead to versions; `more` are fields of `Wish`."""
        routes = {route.key: route for route in self._rollouts.table()}
        steps = []
        for key, target in targets.items():
            let = {"forced": forced[key]} if forced and key in forced else {}
            wish = Wish(
                key=key,
                target=target,
                action=action,
                actor=self._actor,
                patience_s=self._patience_s,
                evidence=self._evidence | let,
                **more,
            )
            steps.append(self._entered(wish, routes.get(key)))
        self._tell()
        return steps

    def withdraw(self, route: Route, kind: Arm, action: str) -> Step:
        """Take a canary or a shadow from a route, if it has one."""
        under_way = [
            one
            for one in self._rollouts.snapshot().pending
            if (one.key, one.kind) == (route.key, kind)
            if self._rollouts.end(one, "CANCELLED", f"taken back by {self._actor}")
        ]
        arm: ModelVersion | None = getattr(route, kind)
        if arm is None:
            why = f"{kind} cancelled" if under_way else f"there is no {kind}"
            return done(route.key, action, route.live, why)
        event = Event(
            at=0.0,
            actor=self._actor,
            action=action,
            key=route.key,
            from_version=str(arm),
            to_version=None,
            reason=f"{kind} taken back",
            evidence=self._evidence,
        )
        self._rollouts.withdraw(route.key, kind, event)
        return done(route.key, action, arm, f"{kind} taken back")

    def cancel(self, reference: str, scope: Scope) -> list[Step]:
        """Take back what is on its way to a version."""
        return [
            done(one.key, "rollback", one.target, f"{one.action} is cancelled")
            for one in self._rollouts.snapshot().pending
            if scope.covers(one.key) and is_meant(one.target, reference)
            if self._rollouts.end(one, "CANCELLED", f"taken back by {self._actor}")
        ]

    def _entered(self, wish: Wish, route: Route | None) -> Step:
        snapshot = self._rollouts.snapshot()
        if route is not None and _is_so(wish, route):
            for one in snapshot.pending:
                if (one.key, one.kind) != (wish.key, wish.kind):
                    continue
                same = one.target.version_id == wish.target.version_id
                if one.mode == "availability" or not same:
                    self._rollouts.end(one, "CANCELLED", f"{wish.target} stays")
            return done(wish.key, wish.action, wish.target, "it was so already")
        nobody = not any(wish.target.name in one.serves for one in living(snapshot))
        if nobody:  # none whose memory could be short
            wish = msgspec.structs.replace(wish, mode="availability")
        known = self._rollouts.request(wish)
        if nobody:
            self._rollouts.flip(known, "no worker runs; the next one that starts loads it")
            known = self._rollouts.deployment(known.number)
        return step_of(known)


def _is_so(wish: Wish, route: Route) -> bool:
    weights: dict[Kind, float] = {"canary": route.canary_weight, "shadow": route.shadow_sample}
    arm: ModelVersion | None = getattr(route, wish.kind)
    same = arm is not None and arm.version_id == wish.target.version_id
    return same and weights.get(wish.kind, wish.weight) == wish.weight
