"""Versions out of use, and names of one's own for versions."""

import re

from schemas.errors import UsageError
from workers.core.routing import DERIVED
from workers.desired import Rollouts
from workers.ports import Registry
from workers.rollout.scope import version_of

_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,62}")


class Upkeep:
    """One who keeps the registry in order."""

    def __init__(self, registry: Registry, rollouts: Rollouts, *, actor: str) -> None:
        """`actor` acts, for the history."""
        self._registry = registry
        self._rollouts = rollouts
        self._actor = actor

    def retire(self, reference: str) -> bool:
        """Let a version answer only jobs that name it with its number; False: it is so already.

        Raises:
            UsageError: a route, an alias or a deployment leads to it.
        """
        return self._rollouts.retire(version_of(self._registry.versions(), reference), self._actor)

    def remove(self, reference: str) -> None:
        """Forget a version that never answered; its files stay where they are.

        Raises:
            UsageError: something still refers to it.
        """
        self._rollouts.remove(version_of(self._registry.versions(), reference), self._actor)

    def name(self, reference: str, alias: str) -> bool:
        """Give a version a name of one's own, as in `NAME@stable`; False: it has it already.

        Raises:
            UsageError: the name is none, or one that routes give.
        """
        if alias in DERIVED or not _ALIAS.fullmatch(alias):
            raise UsageError(
                f"`{alias[:80]}` is no alias: lower-case letters, digits and hyphens, a letter "
                f"first, and not {', '.join(DERIVED)}, which routes give"
            )
        version = version_of(self._registry.versions(), reference)
        return self._rollouts.name(version.name, alias, version, self._actor)

    def drop(self, model: str, alias: str) -> bool:
        """Take an alias from a model; False: there is none."""
        return self._rollouts.name(model, alias, None, self._actor)
