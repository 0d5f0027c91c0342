"""A worker with stand-ins for everything around it."""

from collections.abc import Callable
from typing import Any

from schemas.batch import encode
from schemas.errors import ArtifactError
from schemas.groups import EVERYTHING, Share
from tests.unit.worker_fakes import (
    FakeBus,
    FakeProfiles,
    FakeRegistry,
    FakeResults,
    FakeRollouts,
    HashModel,
    batch,
    item,
    until,
    version,
)
from workers.inference import TextModel
from workers.loaded_models import LoadedModels
from workers.ports import ModelVersion
from workers.replicas import NothingLoadedError
from workers.worker import Worker


class World:
    """A worker and everything around it."""

    def __init__(
        self,
        capacity: int = 8,
        heartbeat_s: float = 60.0,
        *,
        routed: bool = True,
        registry: FakeRegistry | None = None,
        models: LoadedModels | None = None,
        on_useless: Callable[[NothingLoadedError], object] = lambda error: None,
        share: Share = EVERYTHING,
    ) -> None:
        """
        Args:
            capacity: versions in memory at most.
            heartbeat_s: seconds between announcements.
            routed: whether routes lead to versions with an odd key, so that it loads them itself.
            registry: the versions; None: five of one model, of which four can be loaded.
            models: what is in memory; None: what `load` gives.
            on_useless: called when none of the routed ones can be.
            share: the models that the worker serves.
        """
        self.models = {digest: HashModel(digest) for digest in ("d1", "d2", "d3", "d5")}
        self.loads: list[int] = []
        five = (version(n, f"d{n}") for n in (1, 2, 3, 4, 5))
        self.registry = registry or FakeRegistry(*five)
        self.results, self.bus = FakeResults(), FakeBus()
        self.pulses: list[float | None] = []
        self.broken = 0
        self.loaded = models or LoadedModels(self.registry, self.load, capacity)
        self.rollouts: Any = FakeRollouts(self.registry if routed else FakeRegistry())
        self.worker = Worker(
            worker_id="w1",
            queue="q1",
            device="cpu",
            heartbeat_s=heartbeat_s,
            models=self.loaded,
            results=self.results,
            bus=self.bus,
            pulse=self.pulses.append,
            on_broken=self.note_broken,
            rollouts=self.rollouts,
            profiles=FakeProfiles(),
            on_useless=on_useless,
            share=share,
        )

    def start(self) -> None:
        """Start the worker, and wait until it has loaded what it should."""
        self.worker.start()
        until(lambda: not self.loaded.lack.loading)

    def load(self, wanted: ModelVersion) -> TextModel:
        self.loads.append(wanted.version_id)
        if wanted.digest not in self.models:
            raise ArtifactError(f"{wanted.path} is damaged")
        return self.models[wanted.digest]

    def note_broken(self) -> None:
        self.broken += 1

    def run(self, *texts: str, **fields: Any) -> Any:
        """Run one batch; its completion."""
        before = len(self.bus.completions)
        items = (item(n, text) for n, text in enumerate(texts))
        self.worker.run_batch(encode(batch(*items, **fields)))
        return self.bus.wait_for(before + 1)[-1]
