"""Promoting and taking back canaries by themselves, where an operator has allowed it.

Any dispatcher looks; each change holds only if the route is still what was looked at, so that one
of them does it. A pinned route is left to people, and so is one that a deployment is on its way to.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from schemas.errors import UsageError
from schemas.settings import RolloutSettings
from workers.core.guard import Evidence, Verdict, decide
from workers.desired import Event, Rollouts, Route, Wish

_log = logging.getLogger(__name__)
ACTOR: Final = "guard"
"""Who acts, for the history."""


class Arms(Protocol):
    """What the arms of a route have done."""

    def evidence(self, routed: Route) -> Evidence | None:
        """What is known of the canary since the route last changed; None without a canary."""


class Guardian:
    """Looks every so often."""

    def __init__(
        self,
        rollouts: Rollouts,
        arms: Arms,
        rules: RolloutSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rollouts = rollouts
        self._arms = arms
        self._rules = rules
        self._clock = clock
        self._next_at = 0.0

    def step(self) -> None:
        """Look at every canary, if it is time and allowed.

        Raises:
            UnavailableError: the database does not answer.
        """
        if not self._rules.automatic or self._clock() < self._next_at:
            return
        self._next_at = self._clock() + self._rules.check_s
        snapshot = self._rollouts.snapshot()
        under_way = {one.key for one in snapshot.pending}
        for route in snapshot.routes:
            if not route.pinned and route.key not in under_way:
                self._look(route)

    def _look(self, route: Route) -> None:
        evidence = self._arms.evidence(route)
        if evidence is None or route.canary is None:
            return
        verdict = decide(evidence, self._rules)
        shown = {"evidence": msgspec.to_builtins(evidence), "verdict": verdict.reason}
        shown["rules"] = msgspec.to_builtins(self._rules)
        if verdict.action == "promote":
            self._promote(route, verdict, shown)
        elif verdict.action == "rollback":
            self._take_back(route, verdict, shown)

    def _promote(self, route: Route, verdict: Verdict, shown: dict[str, Any]) -> None:
        assert route.canary is not None
        wish = Wish(
            key=route.key,
            target=route.canary,
            action="promote",
            actor=ACTOR,
            evidence=shown,
            seen=route,
        )
        try:
            self._rollouts.request(wish)
        except UsageError:  # somebody was quicker; the next look sees what is now
            return
        _log.info("%s is promoted for %s: %s", route.canary, route.key, verdict.reason)

    def _take_back(self, route: Route, verdict: Verdict, shown: dict[str, Any]) -> None:
        event = Event(
            at=0.0,
            actor=ACTOR,
            action="rollback",
            key=route.key,
            from_version=str(route.canary),
            to_version=None,
            reason=verdict.reason,
            evidence=shown,
        )
        if self._rollouts.withdraw(route.key, "canary", event, seen=route):
            _log.warning("%s is taken back for %s: %s", route.canary, route.key, verdict.reason)
