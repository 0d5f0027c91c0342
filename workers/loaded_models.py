"""The model versions in a worker's memory: routed ones from the start, others when a batch asks.

A version is here only when its files had the digest that the registry and the batch name, when it
is warm, and when it gave its sample answers again. One that cannot be loaded is told as
ArtifactError and tried anew the next time; the others go on. A worker that can load none of the
routed ones does not start: it would be the quickest of all, at failing. The least recently used
leaves when there are too many.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from schemas.batch import Costs
from schemas.errors import ArtifactError, UnavailableError
from workers.core.cost import Cost, array, fit
from workers.inference import TextModel
from workers.ports import ModelVersion, Registry

_log = logging.getLogger(__name__)

Load = Callable[[ModelVersion], TextModel]
"""Gives a checked, warm model of a version, or raises ArtifactError."""


@lru_cache(maxsize=64)  # asked at every heartbeat
def _cost(timings: tuple[tuple[int, int, float], ...]) -> Cost:
    return fit(array(*timing) for timing in timings)


class NothingLoadedError(ArtifactError):
    """None of the routed versions can be loaded here; a new process may."""


class LoadedModels:
    """Models by version, for any thread; one loads at a time."""

    def __init__(self, registry: Registry, load: Load, capacity: int = 16) -> None:
        self._registry = registry
        self._load = load
        self._capacity = capacity
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._missing: dict[int, ModelVersion] = {}
        self._models: OrderedDict[int, tuple[str, TextModel]] = OrderedDict()

    @property
    def versions(self) -> tuple[int, ...]:
        """Primary keys of the loaded versions, ascending."""
        with self._lock:
            return tuple(sorted(self._models))

    def loaded(self) -> tuple[tuple[int, ...], Costs]:
        """The loaded versions, and what batches cost by the timings of those that have any."""
        with self._lock:
            models = {version_id: model for version_id, (_, model) in self._models.items()}
        timed = ((version_id, models[version_id].timings) for version_id in sorted(models))
        costs = tuple((version_id, _cost(tuple(some))) for version_id, some in timed if some)
        return tuple(sorted(models)), costs

    @property
    def missing(self) -> tuple[int, ...]:
        """Routed versions that could not be loaded so far."""
        return tuple(self._missing)

    def load_routed(self) -> None:
        """Load every version that a route names; one that fails is told in the log.

        Raises:
            NothingLoadedError: there are routes, and none of their versions can be loaded.
            UnavailableError: the registry does not answer.
        """
        routed = {route.version_id: route for route in self._registry.routes().values()}
        self._missing = dict(list(routed.items())[: self._capacity])
        wanted = len(self._missing)
        self._load_missing()
        if wanted and len(self._missing) == wanted:
            raise NothingLoadedError(
                f"None of the {wanted} routed model versions can be loaded here; see above."
            )

    def load_missing(self) -> None:
        """Try again what `load_routed` could not load; takes as long as a load."""
        try:
            self._load_missing()
        except UnavailableError as error:
            _log.warning("Missing versions are not tried now: %s", error)

    def _load_missing(self) -> None:
        for version in list(self._missing.values()):
            try:
                self.get(version.version_id, version.digest)
            except ArtifactError as error:
                _log.error("Cannot serve %s@%d: %s", version.name, version.version, error)
            else:
                del self._missing[version.version_id]

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
            return self._known(version_id, digest) or self._fetch(version_id, digest)

    def _known(self, version_id: int, digest: str) -> TextModel | None:
        with self._lock:
            known = self._models.get(version_id)
            if known is None or known[0] != digest:
                return None
            self._models.move_to_end(version_id)
            return known[1]

    def _fetch(self, version_id: int, digest: str) -> TextModel:
        model = self._load(self._find(version_id, digest))
        with self._lock:
            self._models[version_id] = (digest, model)
            self._models.move_to_end(version_id)
            while len(self._models) > self._capacity:
                self._models.popitem(last=False)
        return model

    def forget(self, version_id: int) -> None:
        """Drop a model that has gone wrong; the next batch loads it anew."""
        with self._lock:
            self._models.pop(version_id, None)

    def _find(self, version_id: int, digest: str) -> ModelVersion:
        found = next((v for v in self._registry.versions() if v.version_id == version_id), None)
        if found is None:
            raise ArtifactError(f"No model version {version_id} is registered.")
        if found.digest != digest:
            raise ArtifactError(
                f"{found.name}@{found.version} is registered with another digest than was asked."
            )
        return found
