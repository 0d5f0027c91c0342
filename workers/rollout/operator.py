"""What an operator does: each command checks, enters its wish and says what becomes of it.

Nothing moves where a check fails for any of the routes that are meant. A wish comes true when every
living worker that serves the model has the version; where no worker lives, at once. Every command
may be repeated: what is so already is said to be so.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from schemas.errors import UsageError
from workers.desired import Mode, Rollouts, RouteKey
from workers.ports import ModelVersion, Registry
from workers.rollout.comparing import lost_labels
from workers.rollout.scope import Scope, is_meant, those, version_of
from workers.rollout.steps import Step, done
from workers.rollout.wishes import Arm, Wishes
from workers.steward import Steward

LOOK_S = 0.3
PATIENCE_S = 300.0
"""How long workers may take to load a version, unless told otherwise."""
EVERYTHING = Scope()


class Operator:
    """One who changes which version answers what."""

    def __init__(
        self,
        registry: Registry,
        rollouts: Rollouts,
        *,
        actor: str,
        tell: Callable[[], object] = lambda: None,
        patience_s: float = PATIENCE_S,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Args:
            registry: which versions there are.
            rollouts: where wishes are entered.
            actor: who acts, for the history.
            tell: called after a change, to wake the workers.
            patience_s: how long workers may take.
            evidence: why, for the history, where a program decides.
        """
        self._registry = registry
        self._rollouts = rollouts
        self._actor = actor
        self._tell = tell
        self._wishes = Wishes(
            rollouts, actor=actor, tell=tell, patience_s=patience_s, evidence=evidence or {}
        )

    def activate(
        self,
        reference: str,
        scope: Scope = EVERYTHING,
        *,
        force: bool = False,
        mode: Mode = "availability",
    ) -> list[Step]:
        """Let a version answer its routes, once it is loaded and warm everywhere.

        Raises:
            UsageError: no such version; or it lacks labels of the live one, unless `force`.
        """
        version = self.version(reference)
        keys = scope.keys(version)
        forced = self._checked(version, keys, force)
        targets = dict.fromkeys(keys, version)
        return self._wishes.enter("activate", targets, forced, mode=mode)

    def canary(
        self, reference: str, weight: float, scope: Scope = EVERYTHING, *, force: bool = False
    ) -> list[Step]:
        """Let a version answer a share of its routes' jobs; 0 takes it back.

        Raises:
            UsageError: as for `activate`; or nobody is live there.
        """
        return self._arm("canary", reference, weight, scope, force)

    def shadow(
        self, reference: str, sample: float, scope: Scope = EVERYTHING, *, force: bool = False
    ) -> list[Step]:
        """Let a version compute a share of its routes' jobs too, unheard; 0 ends that.

        Raises:
            UsageError: as for `canary`.
        """
        return self._arm("shadow", reference, sample, scope, force)

    def promote(self, reference: str, scope: Scope = EVERYTHING) -> list[Step]:
        """Let a canary answer everything.

        Raises:
            UsageError: it is a canary nowhere.
        """
        routes = those(self._rollouts.table(), scope)
        meant = [one for one in routes if is_meant(one.canary, reference)]
        if not meant:
            raise UsageError(
                f"{reference} is a canary nowhere: `textmill models canary {reference} "
                "--weight 0.05` makes it one, `activate` needs none"
            )
        targets = {one.key: one.canary for one in meant if one.canary is not None}
        return self._wishes.enter("promote", targets)

    def rollback(self, reference: str, scope: Scope = EVERYTHING) -> list[Step]:
        """Take back what was done last with a model: a deployment that is on its way, else its
        canary, else its live version, in whose place the one before answers again.

        Raises:
            UsageError: there is nothing to take back.
        """
        steps = self._wishes.cancel(reference, scope)
        for route in those(self._rollouts.table(), scope):
            if steps and any(step.key == route.key for step in steps):
                continue
            if route.canary is not None and is_meant(route.canary, reference):
                steps.append(self._wishes.withdraw(route, "canary", "rollback"))
            elif is_meant(route.live, reference) and route.previous is not None:
                steps += self._wishes.enter("rollback", {route.key: route.previous})
        if not steps:
            raise UsageError(
                f"there is nothing to take back of {reference}: it is no canary, and where it is "
                "live no version was before; `textmill models history` shows what was done"
            )
        return steps

    def pin(self, reference: str, scope: Scope = EVERYTHING, *, pinned: bool = True) -> list[Step]:
        """Let nobody but people change the routes where a version is live, or lift that.

        Raises:
            UsageError: it is live nowhere.
        """
        routes = those(self._rollouts.table(), scope)
        meant = [one for one in routes if is_meant(one.live, reference)]
        if not meant:
            raise UsageError(f"{reference} is live nowhere: `textmill models activate` comes first")
        action = "pin" if pinned else "unpin"
        return [
            done(
                route.key,
                action,
                route.live,
                "" if self._rollouts.pin(route.key, pinned, self._actor) else "it was so already",
            )
            for route in meant
        ]

    def version(self, reference: str) -> ModelVersion:
        """The version that is meant; UsageError where there is none or several."""
        return version_of(self._registry.versions(), reference)

    def wait(
        self,
        steps: Sequence[Step],
        show: Callable[[Sequence[Step]], None] = lambda steps: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> list[Step]:
        """Wait until nothing is pending any more; also drives the deployments on.

        Args:
            steps: of a command.
            show: told what it is waited for, again and again.
            sleep: between two looks, in seconds.
        """
        steward = Steward(self._rollouts)
        found = list(steps)
        while any(step.state == "PENDING" for step in found):
            show(found)
            if steward.step():
                self._tell()
            found = [self._now(step) for step in found]
            if any(step.state == "PENDING" for step in found):
                sleep(LOOK_S)
        return found

    def _now(self, step: Step) -> Step:
        if step.state != "PENDING" or step.deployment is None:
            return step
        known = self._rollouts.deployment(step.deployment)
        return msgspec.structs.replace(step, state=known.state, reason=known.reason)

    def _arm(
        self, kind: Arm, reference: str, weight: float, scope: Scope,
        force: bool,
    ) -> list[Step]:  # fmt: skip
        version = self.version(reference)
        routes = {route.key: route for route in self._rollouts.table()}
        keys = [key for key in scope.keys(version) if key in routes]
        if not keys:
            first = scope.keys(version)[0]
            raise UsageError(f"nobody is live for {first}: `textmill models activate` comes first")
        if not weight:
            return [self._wishes.withdraw(routes[key], kind, kind) for key in keys]
        same = [key for key in keys if routes[key].live.version_id == version.version_id]
        if same:
            raise UsageError(f"{version} is live for {same[0]}: it answers everything there")
        forced = self._checked(version, keys, force)
        targets = dict.fromkeys(keys, version)
        return self._wishes.enter(kind, targets, forced, kind=kind, weight=weight)

    def _checked(
        self, version: ModelVersion, keys: Sequence[RouteKey], force: bool
    ) -> dict[RouteKey, str]:
        """What is let pass by force, by route; raises where anything is wrong without it."""
        routes = {route.key: route for route in self._rollouts.table()}
        new = self._registry.manifest(version)
        found = {}
        for key in keys:
            live = routes.get(key) or routes.get(RouteKey(key.task, key.lang))
            if live is None or live.live.version_id == version.version_id:
                continue
            if lost := lost_labels(new, self._registry.manifest(live.live), key.task):
                found[key] = f"it lacks the labels {lost}, which {live.live} gives"
        for key, why in found.items():
            if not force:
                raise UsageError(f"{version} cannot stand in for {key}: {why}; --force lets it")
        return found
