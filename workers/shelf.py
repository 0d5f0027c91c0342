"""Models in memory, within a budget: the least recently used leaves first. Pure bookkeeping."""

from collections import OrderedDict
from collections.abc import Collection

import msgspec

from workers.inference import TextModel


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A model and what it takes."""

    version_id: int
    digest: str
    name: str
    """For people: `topic-zh@3`."""
    size: int
    """Bytes."""
    model: TextModel


class Shelf:
    """Not thread-safe."""

    def __init__(self, capacity: int, budget: int) -> None:
        """
        Args:
            capacity: models at most.
            budget: bytes of all together at most; 0: as many as there are.
        """
        self._capacity = capacity
        self._budget = budget
        self._kept: OrderedDict[int, Kept] = OrderedDict()

    @property
    def versions(self) -> tuple[int, ...]:
        """Primary keys of the versions that are here, ascending."""
        return tuple(sorted(self._kept))

    @property
    def models(self) -> dict[int, TextModel]:
        """The models by version, in their order."""
        return {version_id: self._kept[version_id].model for version_id in self.versions}

    @property
    def size(self) -> int:
        """Bytes of all together."""
        return sum(kept.size for kept in self._kept.values())

    def take(self, version_id: int, digest: str) -> TextModel | None:
        """The model, which counts as used now; None where it is not here."""
        kept = self._kept.get(version_id)
        if kept is None or kept.digest != digest:
            return None
        self._kept.move_to_end(version_id)
        return kept.model

    def fits(self, size: int) -> bool:
        """Whether a model of `size` bytes fits in the budget alone."""
        return not self._budget or size <= self._budget

    def has_room(self, size: int) -> bool:
        """Whether it fits beside those that are here."""
        return len(self._kept) < self._capacity and self.fits(self.size + size)

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of each, by version."""
        return {version_id: kept.size for version_id, kept in self._kept.items()}

    def make_room(self, size: int, staying: Collection[int] = frozenset()) -> list[Kept]:
        """Take out the least recently used but those that are `staying`, until `size` bytes fit or
        no other is here; returns those taken out."""
        left = []
        for version_id in [one for one in self._kept if one not in staying]:
            if self.has_room(size):
                break
            left.append(self._kept.pop(version_id))
        return left

    def put(self, kept: Kept) -> list[Kept]:
        """Keep a model as the most recently used; returns those that left for it."""
        self.drop(kept.version_id)
        left = self.make_room(kept.size)
        self._kept[kept.version_id] = kept
        return left

    def drop(self, version_id: int) -> None:
        """Take out a model, where it is here."""
        self._kept.pop(version_id, None)
