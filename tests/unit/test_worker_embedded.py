"""The worker inside `textmill serve`: it ends when asked, even with a model that does not."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from schemas.errors import ArtifactError
from schemas.settings import Settings
from tests.unit.worker_fakes import (
    FakeProfiles,
    FakeRegistry,
    FakeResults,
    FakeRollouts,
    HashModel,
    batch,
    item,
    version,
)
from workers.embedded import EmbeddedWorker
from workers.replicas import NothingLoadedError


class Shelf:
    """A store with one routed version."""

    def __init__(self) -> None:
        self.registry = FakeRegistry(version(1, "d1"))
        self.results = FakeResults()
        self.rollouts = FakeRollouts(self.registry)
        self.profiles = FakeProfiles()


class StuckModel(HashModel):
    """Hangs in each batch until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.free = threading.Event(), threading.Event()

    def predict(self, features: Any) -> Any:
        self.reached.set()
        self.free.wait(20)
        return super().predict(features)


@pytest.fixture
def model() -> Iterator[StuckModel]:
    model = StuckModel()
    yield model
    model.free.set()


def started(load: Any, on_failure: Callable[[], None] = lambda: None) -> EmbeddedWorker:
    store: Any = Shelf()
    settings = Settings(data_dir=Path("/nowhere"))
    registry = CollectorRegistry()
    return EmbeddedWorker.start(settings, store, "dispatcher", registry, load, on_failure)


def test_a_model_that_hangs_does_not_keep_serve_from_ending(
    model: StuckModel, caplog: pytest.LogCaptureFixture
) -> None:
    worker = started(lambda _: model)
    asyncio.run(send(worker))
    assert model.reached.wait(10)
    before = time.monotonic()
    worker.stop(patience_s=0.3)
    assert time.monotonic() - before < 5
    assert "left behind" in caplog.text


def test_a_batch_in_hand_is_finished(model: StuckModel, caplog: pytest.LogCaptureFixture) -> None:
    worker = started(lambda _: model)
    asyncio.run(send(worker))
    assert model.reached.wait(10)
    threading.Timer(0.2, model.free.set).start()
    worker.stop()
    assert "left behind" not in caplog.text
    assert worker.failure is None


def test_without_a_model_it_gives_up() -> None:
    def fail(_: object) -> Any:
        raise ArtifactError("damaged")

    ended = threading.Event()
    worker = started(fail, ended.set)
    assert ended.wait(5)
    assert isinstance(worker.failure, NothingLoadedError)
    assert "None of the 1 routed" in str(worker.failure)
    worker.stop()


async def send(worker: EmbeddedWorker) -> None:
    (state,) = await worker.hand_over.workers()
    await worker.hand_over.submit(state, batch(item(0, "a text")))
    await worker.hand_over.close()
