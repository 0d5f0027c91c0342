"""Carrying out what concerns routes: any dispatcher does, and a command that waits for it.

Several may at once. Each change in SQL holds only if the deployment is still pending, so one of
them does it and the others see that it is done.
"""

import logging

from workers.core.rollout import FORGOTTEN_S, Action, Fail, Flip, Settle, Wait, next_actions
from workers.desired import Rollouts

_log = logging.getLogger(__name__)


class Steward:
    """Looks, and does what is next."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    def step(self) -> bool:
        """Look once; True: a deployment ended, so that workers have something to see.

        Raises:
            UnavailableError: the database does not answer.
        """
        snapshot = self._rollouts.snapshot()
        oldest = snapshot.now - FORGOTTEN_S
        if any(one.heartbeat_at < oldest for one in snapshot.workers):
            self._rollouts.forget_silent(oldest)
        done = [self._do(action) for action in next_actions(snapshot)]
        return any(done)

    def _do(self, action: Action) -> bool:
        if isinstance(action, Flip):
            return self._flip(action)
        if isinstance(action, Settle):
            self._rollouts.settle(action.deployment)
        elif isinstance(action, Fail):
            return self._fail(action)
        elif isinstance(action, Wait):
            self._note(action)
        return False

    def _flip(self, action: Flip) -> bool:
        one = action.deployment
        flipped = self._rollouts.flip(one, action.reason)
        if flipped:
            _log.info("%s is %s for %s now: %s.", one.target, one.kind, one.key, action.reason)
        return flipped

    def _fail(self, action: Fail) -> bool:
        one = action.deployment
        failed = self._rollouts.end(one, "FAILED", action.reason)
        if failed:
            _log.error(
                "%s does not become %s for %s: %s", one.target, one.kind, one.key, action.reason
            )
        return failed

    def _note(self, action: Wait) -> None:
        one = action.deployment
        if (action.reason, action.mode) != (one.reason, one.mode):
            self._rollouts.note(one, action.reason, action.mode)
