"""The model versions in a worker's memory: routed ones by `workers.replicas`, others when a batch
asks.

A version is here only when its files had the digest that the registry and the batch name, when it
is warm, and when it gave its sample answers again. One that cannot be loaded is told as
ArtifactError and tried anew the next time; the others go on.

What a version takes is measured as it is loaded. The least recently used leaves when there are too
many, or when together they take more than the budget; a version that exceeds it alone is refused,
and not tried again. The batch in hand keeps the model that it works with.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import Final

from schemas.errors import ArtifactError
from schemas.settings import variable_of
from workers.core.cost import Cost, array, fit
from workers.desired import NO_ROOM
from workers.heart import Loaded
from workers.inference import TextModel
from workers.lack import Lack
from workers.ports import ModelVersion, Registry
from workers.shelf import Kept, Shelf

_log = logging.getLogger(__name__)
_MIB: Final = 2**20
CAPACITY: Final = 16
"""Versions in memory at most, whatever they take."""

Load = Callable[[ModelVersion], TextModel]
"""Gives a checked, warm model of a version, or raises ArtifactError."""
MakeRoom = Callable[[ModelVersion, int], None]
"""Makes room for so many bytes of a version, or raises NoRoomError."""
Used = Callable[[], int]
"""Gives the bytes of memory that are in use now, on the device where models lie."""


class TooLargeError(ArtifactError):
    """A version that takes more memory than all models may together."""


@lru_cache(maxsize=64)  # asked at every heartbeat
def _cost(timings: tuple[tuple[int, int, float], ...]) -> Cost:
    return fit(array(*timing) for timing in timings)


class NoRoomError(ArtifactError):
    """A version that fits only in the place of others that must stay."""


class LoadedModels:
    """Models by version, for any thread; one loads at a time."""

    def __init__(
        self,
        registry: Registry,
        load: Load,
        capacity: int = CAPACITY,
        *,
        memory_mib: int = 0,
        used: Used = lambda: 0,
    ) -> None:
        """
        Args:
            registry: which versions there are.
            load: gives the model of one.
            capacity: versions in memory at most.
            memory_mib: what they may take together; 0: no limit.
            used: asked before and after each load; what was added is what the version takes.
        """
        self._registry = registry
        self._load = load
        self._used = used
        self._memory_mib = memory_mib
        self.memory_limit = memory_mib * _MIB
        """Bytes that they may take together; 0: no limit."""
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._used_at: dict[int, float] = {}
        self.lack = Lack()
        """What routes lead to and is not here, as `workers.replicas` saw it last."""
        self._shelf = Shelf(capacity, memory_mib * _MIB)
        self._sizes: dict[str, int] = {}
        self.left = 0
        """How many versions have left to make room."""

    @property
    def versions(self) -> tuple[int, ...]:
        """Primary keys of the loaded versions, ascending."""
        with self._lock:
            return self._shelf.versions

    @property
    def memory(self) -> int:
        """Bytes that the loaded versions take, as measured."""
        with self._lock:
            return self._shelf.size

    def loaded(self) -> Loaded:
        """The loaded versions, and what batches cost by the timings of those that have any."""
        loading = self.lack.loading  # before the models, so that what is in neither is not wanted
        with self._lock:
            models = self._shelf.models
        timed = ((version_id, model.timings) for version_id, model in models.items())
        costs = tuple((version_id, _cost(tuple(some))) for version_id, some in timed if some)
        return Loaded(tuple(models), costs, loading)

    def get(self, version_id: int, digest: str) -> TextModel:
        """The model of a version, loaded if need be.

        Raises:
            ArtifactError: no such version, another digest, or files that cannot be used.
            UnavailableError: the registry does not answer.
        """
        known = self._known(version_id, digest)
        if known is not None:
            return known
        with self._loading:
            known = self._known(version_id, digest)
            return known or self._fetch(self._find(version_id, digest), self._make_room)

    def load_beside(self, version: ModelVersion, staying: Collection[int]) -> None:
        """Load a version without driving out any that is `staying`.

        Raises:
            NoRoomError: there is room only in the place of those.
            ArtifactError: files that cannot be used, or more than all models may take.
        """
        make_room = partial(self._make_room, staying=frozenset(staying))
        with self._loading:
            if self._known(version.version_id, version.digest) is None:
                self._fetch(version, make_room)

    def unload(self, version_id: int, unused_s: float) -> bool:
        """Give up a version that no batch has asked for since so many seconds; False: one has."""
        with self._lock:
            if time.monotonic() - self._used_at.get(version_id, 0.0) < unused_s:
                return False
            self._shelf.drop(version_id)
            self._used_at.pop(version_id, None)
            return True

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of each loaded version, as measured, by primary key."""
        with self._lock:
            return self._shelf.sizes

    @property
    def builds(self) -> dict[int, str]:
        """Which form of its network each loaded version answers by, by primary key."""
        with self._lock:
            return {version_id: model.build for version_id, model in self._shelf.models.items()}

    def _known(self, version_id: int, digest: str) -> TextModel | None:
        with self._lock:
            self._used_at[version_id] = time.monotonic()
            return self._shelf.take(version_id, digest)

    def _fetch(self, version: ModelVersion, make_room: MakeRoom) -> TextModel:
        size = self._sizes.get(version.digest, 0)
        self._refuse_too_large(version, size)
        make_room(version, size)
        model, size = self._measured(version)
        self._refuse_too_large(version, size)
        make_room(version, size)
        kept = Kept(
            version_id=version.version_id,
            digest=version.digest,
            name=str(version),
            size=size,
            model=model,
        )
        with self._lock:
            self._shelf.put(kept)
        return model

    def _measured(self, version: ModelVersion) -> tuple[TextModel, int]:
        """The model and what it takes, in bytes: what memory grew by, at least its weights."""
        if self._memory_mib and not self._sizes:
            self._load(version)  # the first brings the library's own memory, which is no version's
        before = self._used()
        model = self._load(version)
        known = self._sizes.get(version.digest, 0)  # a second load may find memory lying about
        size = max(self._used() - before, model.weight_bytes, known)
        self._sizes[version.digest] = size
        return model, size

    def _refuse_too_large(self, version: ModelVersion, size: int) -> None:
        if not self._shelf.fits(size):
            raise TooLargeError(
                f"{version} takes {_mib(size)} MiB, more than the {self._memory_mib} that "
                f"all models may take: raise {variable_of('worker.memory_mib')}, or let workers "
                "with more memory serve it."
            )

    def _make_room(
        self, version: ModelVersion, size: int, staying: Collection[int] = frozenset()
    ) -> None:
        with self._lock:
            left = self._shelf.make_room(size, staying)
            fits = self._shelf.has_room(size)
        self.left += len(left)
        for one in left:
            _log.info(
                "%s (%d MiB) left the memory for %s; %d left so far",
                *(one.name, _mib(one.size), version, self.left),
            )
        if not fits:
            raise NoRoomError(
                f"{NO_ROOM}: {version} takes {_mib(size)} MiB, the others take "
                f"{_mib(self.memory)} of {self._memory_mib or 'unlimited'}"
            )

    def forget(self, version_id: int) -> None:
        """Drop a model that has gone wrong; the next batch loads it anew."""
        with self._lock:
            self._shelf.drop(version_id)

    def _find(self, version_id: int, digest: str) -> ModelVersion:
        found = next((v for v in self._registry.versions() if v.version_id == version_id), None)
        if found is None:
            raise ArtifactError(f"No model version {version_id} is registered.")
        if found.digest != digest:
            raise ArtifactError(f"{found} is registered with another digest than was asked.")
        return found


def _mib(size: int) -> int:
    return -(-size // _MIB)
