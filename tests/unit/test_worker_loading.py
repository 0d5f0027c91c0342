"""What a worker does about routed versions that it cannot load."""

import pytest

from schemas.errors import ArtifactError, SettingsError, UnavailableError
from tests.unit.worker_fakes import FakeRegistry, HashModel, until
from tests.unit.worker_world import World
from workers import replicas
from workers.core import rollout
from workers.loaded_models import LoadedModels, NothingLoadedError
from workers.supervised import EXIT_BROKEN, EXIT_UNAVAILABLE, EXIT_USAGE
from workers.worker_process import _exit_code


def test_a_worker_that_can_load_nothing_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.models.clear()
    with pytest.raises(NothingLoadedError, match="None of the 3 routed model versions"):
        world.worker.load()
    assert caplog.text.count("Cannot serve") == 3


def test_without_routes_a_worker_starts_and_loads_what_batches_name() -> None:
    world = World()
    models = LoadedModels(FakeRegistry(*world.registry.all[1:2]), world.load)
    models.load_routed()
    assert models.versions == ()
    assert models.get(2, "d2") is world.models["d2"]


def test_a_missing_version_is_tried_again_until_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "RETRY_S", 0.02)
    monkeypatch.setattr(replicas, "POLL_S", 0.01)
    world = World(heartbeat_s=0.01)
    del world.models["d3"]
    world.worker.load()
    world.worker.start()
    until(lambda: world.loads.count(3) >= 3)
    assert world.bus.states[-1].versions == (1, 5)
    assert world.run("a").settled, "the others are served meanwhile"
    world.models["d3"] = HashModel("d3")
    until(lambda: world.bus.states[-1].versions == (1, 3, 5))
    tries = len(world.loads)
    world.worker.finish()
    assert len(world.loads) == tries
    assert world.loaded.missing == ()


def test_a_registry_that_is_away_leaves_the_missing_for_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    del world.models["d3"]
    world.worker.load()
    world.registry.away = True
    world.worker.start()
    until(lambda: "Changes of routes are not seen now" in caplog.text)
    assert world.run("a").settled
    world.worker.finish()
    assert world.loaded.missing == (3,)


def test_exit_codes_say_what_a_supervisor_should_do() -> None:
    assert _exit_code(NothingLoadedError("none")) == EXIT_BROKEN
    assert _exit_code(ArtifactError("a shipped file is damaged")) == EXIT_UNAVAILABLE
    assert _exit_code(UnavailableError("Redis")) == EXIT_UNAVAILABLE
    assert _exit_code(SettingsError("wrong")) == EXIT_USAGE
