"""A supervised worker as an operator sees it: its group, its cores, its figures, Celery's tools."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from urllib.request import urlopen

from celery import Celery

from schemas.batch import WorkerState
from schemas.groups import Share
from schemas.settings import Settings, load
from tests.services.test_worker_process import a_worker
from tests.services.work_rig import Work, environment_of
from tests.unit.worker_fakes import until
from workers.assembly import Store
from workers.handover.redis_handover import RedisHandOver

GROUPS = {"TEXTMILL_WORKER__GROUPS": "mood=sentiment-en,sentiment-zh"}


def test_a_worker_of_a_group_on_one_core(redis_url: str, tmp_path: Path) -> None:
    port = _free_port()
    environment = environment_of(redis_url, tmp_path) | GROUPS
    environment["TEXTMILL_METRICS__PORT"] = str(port)
    work = Work(environment, "--devices", "cpu:1", "--group", "mood", "--model", "null")
    try:
        _look(work, redis_url, load(environment), port)
        work.process.send_signal(signal.SIGTERM)
        assert work.end() == 0, work.text
    finally:
        work.process.kill()
        work.end()


def _look(work: Work, redis_url: str, settings: Settings, port: int) -> None:
    state = asyncio.run(_state(redis_url))
    assert state.serves == Share(only=("sentiment-en", "sentiment-zh"))
    core = min(os.sched_getaffinity(0))
    assert state.device == f"cpu:{core}-{core}"
    assert os.sched_getaffinity(state.pid) == {core}
    with Store(settings) as store:
        names = {v.version_id: v.name for v in store.registry.versions()}
    assert {names[loaded] for loaded in state.versions} == set(state.serves.only)
    until(lambda: f"http://127.0.0.1:{port + 1}/metrics" in work.text, 10)
    page = urlopen(f"http://127.0.0.1:{port + 1}/metrics", timeout=5).read().decode()
    assert "textmill_models_loaded 2.0" in page
    assert 'textmill_model_load_seconds{model="sentiment-en@1"}' in page
    tools = Celery(broker=redis_url, set_as_current=False)
    until(lambda: tools.control.ping(timeout=0.5), 20)
    ((name, stats),) = tools.control.inspect(timeout=2).stats().items()
    assert name.startswith(f"{state.device}-{work.process.pid}@")
    assert stats["pid"] == state.pid
    tools.close()


async def _state(redis_url: str) -> WorkerState:
    dispatcher = RedisHandOver(redis_url, "d1")
    try:
        return await a_worker(dispatcher)
    finally:
        await dispatcher.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_group_that_does_not_exist_is_told(redis_url: str, tmp_path: Path) -> None:
    work = Work(environment_of(redis_url, tmp_path) | GROUPS, "--group", "moods")
    assert work.end() == 2
    assert "There is no model group `moods` in `worker.groups`: mood." in work.text
