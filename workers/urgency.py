"""Which version a worker loads first, when it is to load several.

1. of a model for which jobs wait and that no worker serves yet, as dispatchers say
2. what was asked for most, by the batches from which its costs were learnt
3. the smallest: something should answer soon
"""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence

from schemas.errors import UnavailableError
from workers.core.rollout import Load
from workers.ports import ModelVersion, Profile

Wanted = Callable[[Sequence[str]], Collection[str]]
"""Gives those of some models for which jobs wait."""


class Urgency:
    """Knows what was asked for before, and asks what is wanted now."""

    def __init__(self, wanted: Wanted, profiles: Callable[[], Sequence[Profile]]) -> None:
        """
        Args:
            wanted: asked before each load.
            profiles: what is known of versions; asked once, before the first load.
        """
        self._wanted = wanted
        self._profiles = profiles
        self._batches: Mapping[int, int] | None = None

    def first(self, due: Sequence[Load]) -> Load:
        """The load that should come first, of one at least.

        Raises:
            UnavailableError: the database does not answer.
        """
        if len(due) == 1:
            return due[0]
        if self._batches is None:
            self._batches = _batches(self._profiles())
        wanted: Collection[str] = ()
        with contextlib.suppress(UnavailableError):  # then the others decide
            wanted = self._wanted(sorted({one.version.name for one in due}))
        return first(due, wanted, self._batches, _bytes)


def first(
    due: Sequence[Load],
    wanted: Collection[str],
    batches: Mapping[int, int],
    size: Callable[[ModelVersion], int],
) -> Load:
    """The load that should come first.

    Args:
        due: one at least.
        wanted: names of models for which jobs wait.
        batches: how many were answered, by version; none is missing.
        size: gives a version's bytes.
    """

    def rank(one: Load) -> tuple[bool, int, int]:
        version = one.version
        return version.name not in wanted, -batches.get(version.version_id, 0), size(version)

    return min(due, key=rank)


def _batches(profiles: Sequence[Profile]) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for one in profiles:
        found[one.version_id] = found.get(one.version_id, 0) + one.batches
    return found


def _bytes(version: ModelVersion) -> int:
    """Bytes of its files; 0 where they are not on this machine."""
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in version.path.iterdir())
    return 0
