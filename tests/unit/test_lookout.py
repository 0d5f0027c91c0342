"""What dispatchers send a worker that still loads, and what they tell it and people meanwhile."""

import asyncio
from typing import Any

import msgspec
import pytest

from schemas.batch import WorkerState
from tests.unit.examples import worker
from workers import lookout
from workers.duty import repeat
from workers.lookout import Lookout, able
from workers.report import LONELY_S


class Scene:
    """A hand-over with one worker, and a scheduler for whose models jobs wait."""

    def __init__(self, *unserved: str) -> None:
        self.there = [msgspec.structs.replace(worker("w1"), loading=("mood", "names"))]
        self.wanted: set[str] = set()
        self.seen: list[WorkerState] = []
        self.looks = 0
        self._unserved = list(unserved)
        self.counts: dict[str, int] = {}
        self.books = type("Books", (), {"jobs": 1})

    async def workers(self) -> Any:
        self.looks += 1
        return self.there

    async def want(self, models: Any) -> None:
        self.wanted = set(models)

    def see(self, workers: Any, now: float) -> None:
        self.seen = list(workers)

    def unserved(self) -> list[str]:
        return self._unserved


def watched(scene: Any) -> Scene:
    asyncio.run(Lookout(scene, scene, lambda: None).look())
    return scene


def test_a_worker_is_sent_nothing_of_what_it_loads() -> None:
    (state,) = watched(Scene()).seen
    assert [model in state.serves for model in ("mood", "names", "topic")] == [False, False, True]
    (other,) = able([worker("w2")])
    assert other == worker("w2")


def test_it_is_told_what_jobs_wait_for_and_that_it_loads() -> None:
    assert watched(Scene("mood", "title")).wanted == {"mood"}


def test_it_is_looked_more_often_while_one_loads() -> None:
    async def looks(*workers: WorkerState) -> int:
        scene: Any = Scene()
        scene.there = workers or scene.there
        looking = asyncio.create_task(
            repeat("hand-over", 60.0, Lookout(scene, scene, lambda: None).look)
        )
        await asyncio.sleep(0.3)
        looking.cancel()
        return scene.looks

    assert asyncio.run(looks()) > 1
    assert asyncio.run(looks(worker("w1"))) == 1


def test_people_are_told_of_what_nobody_serves_but_not_of_what_is_loading(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr(lookout.time, "monotonic", lambda: now[0])
    scene: Any = Scene("mood", "title")

    async def look() -> None:
        looking = Lookout(scene, scene, lambda: None)
        for _ in range(3):
            await looking.look()
            now[0] += LONELY_S

    asyncio.run(look())
    assert "jobs for title wait" in caplog.text
    assert "mood" not in caplog.text
