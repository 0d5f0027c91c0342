"""A supervised worker as a person starts it: TensorFlow, Celery over a real Redis, a database file.

One start serves a whole story, since loading TensorFlow and the models takes seconds.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from deploy.services import RedisService
from models import artifact
from schemas.batch import Batch, BatchItem, Completion, WorkerState
from schemas.errors import UnavailableError
from schemas.job import Job
from schemas.record import Partition
from schemas.settings import Settings, load
from tests.services.work_rig import STARTERS, Work, environment_of
from tests.unit.worker_fakes import until
from workers import starters
from workers.assembly import Store
from workers.handover.redis_handover import RedisHandOver
from workers.ports import ModelVersion

START_S = 180.0
PARTITION = Partition("c" * 32, 0, "textmill.jobs.sentiment")


@pytest.fixture
def environment(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment_of(redis_url, tmp_path)


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load(environment)


@pytest.fixture
def version(settings: Settings) -> ModelVersion:
    """A routed version that another machine has registered, with paths that are not here."""
    with Store(settings) as store:
        for path in starters.chosen(STARTERS):
            manifest = artifact.read_manifest(path)
            elsewhere = Path("/another/machine") / path.name
            store.registry.register(manifest, artifact.digest(manifest), elsewhere)
        starters.enroll(store.registry, STARTERS)
        store.ledger.claim(PARTITION, "the test")
        return next(iter(store.registry.routes().values()))


@pytest.fixture
def work(environment: dict[str, str], version: ModelVersion) -> Iterator[Work]:
    work = Work(environment, "--device", "cpu")
    yield work
    work.process.kill()
    work.end()


def a_batch(version: ModelVersion, name: str, offset: int, *texts: str) -> Batch:
    jobs = [Job(job_id=f"{name}-{n}", text=text) for n, text in enumerate(texts)]
    return Batch(
        batch_id=name,
        attempt=1,
        reply_to="d1",
        version_id=version.version_id,
        digest=version.digest,
        items=tuple(
            BatchItem(PARTITION, offset + n, 1, job, "en", version.task, 0, 0.0)
            for n, job in enumerate(jobs)
        ),
    )


async def a_worker(dispatcher: RedisHandOver, other_than: str = "") -> WorkerState:
    """The worker that announces itself, when it has loaded all that is routed."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            states = await dispatcher.workers()
        except UnavailableError:
            states = []
        for state in states:
            assert state.versions or state.loading, "nothing is sent before something is loaded"
            if state.worker_id != other_than and not state.loading:
                return state
        await asyncio.sleep(0.05)
    raise AssertionError("no worker came")


async def exchange(
    dispatcher: RedisHandOver, worker: WorkerState, batch: Batch, timeout_s: float = 30.0
) -> Completion:
    """Submit a batch until its completion is back, as a dispatcher would."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            await dispatcher.submit(worker, batch)
            for _ in range(10):
                for completion in await dispatcher.completions(0.5):
                    if completion.batch_id == batch.batch_id:
                        return completion
        except UnavailableError:
            await asyncio.sleep(0.2)
    raise AssertionError(f"{batch.batch_id} did not come back")


class Story:
    """What a worker lives through, in the order of the methods."""

    def __init__(self, dispatcher: RedisHandOver, version: ModelVersion) -> None:
        self.dispatcher = dispatcher
        self.version = version

    async def answers(self, worker: WorkerState) -> None:
        texts = ("good", "", "坏 " * 900)
        done = await exchange(self.dispatcher, worker, a_batch(self.version, "b1", 0, *texts))
        assert [offset for _, offset in done.settled] == [0, 1, 2], done
        assert done.compute_s > 0

    async def refuses_another_digest(self, worker: WorkerState) -> None:
        wrong = msgspec.structs.replace(a_batch(self.version, "b2", 10, "x"), digest="0")
        refused = await exchange(self.dispatcher, worker, wrong)
        assert [failure.reason for failure in refused.failed] == ["model_unavailable"]

    async def survives_redis(self, worker: WorkerState, redis_service: RedisService) -> None:
        redis_service.kill()
        await asyncio.sleep(1)
        await asyncio.to_thread(redis_service.start)
        back = await a_worker(self.dispatcher)
        assert back.worker_id == worker.worker_id
        done = await exchange(self.dispatcher, worker, a_batch(self.version, "b3", 20, "again"))
        assert done.settled

    async def is_restarted(self, worker: WorkerState) -> WorkerState:
        os.kill(worker.pid, signal.SIGKILL)
        successor = await a_worker(self.dispatcher, other_than=worker.worker_id)
        done = await exchange(self.dispatcher, successor, a_batch(self.version, "b4", 30, "anew"))
        assert done.settled
        return successor

    async def drains(self, worker: WorkerState, work: Work) -> None:
        texts = [f"text number {n}" for n in range(200)]
        await self.dispatcher.submit(worker, a_batch(self.version, "b5", 100, *texts))
        await self._is_running("b5")
        work.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(work.end)
        assert code == 0, work.text
        left = [state.worker_id for state in await self.dispatcher.workers()]
        assert worker.worker_id not in left

    async def _is_running(self, batch_id: str) -> None:
        while all(state.running != batch_id for state in await self.dispatcher.workers()):
            if await self.dispatcher.completions(0.01):
                return  # it was too quick to be seen


def test_the_life_of_a_worker(
    work: Work,
    version: ModelVersion,
    redis_url: str,
    redis_service: RedisService,
    settings: Settings,
) -> None:
    async def play() -> None:
        dispatcher = RedisHandOver(redis_url, "d1")
        story = Story(dispatcher, version)
        first = await a_worker(dispatcher)
        assert version.version_id in first.versions
        await story.answers(first)
        await story.refuses_another_digest(first)
        await story.survives_redis(first, redis_service)
        second = await story.is_restarted(first)
        await story.drains(second, work)
        await dispatcher.close()

    asyncio.run(play())
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("textmill.worker.*") == []
    with Store(settings) as store:
        assert len(store.ledger.claim(PARTITION, "looking").settled) == 205
    for event in ("started", "takes batches", "was killed by SIGKILL", "has stopped"):
        assert event in work.text, work.text
    assert "Traceback" not in work.text
    assert "text number" not in work.text


@pytest.mark.parametrize(
    ("wrong", "arguments", "code", "sentence"),
    [
        ({"TEXTMILL_REDIS__URL": "redis://127.0.0.1:1/0"}, (), 1, "does not answer"),
        ({"TEXTMILL_DATABASE__URL": "postgresql+psycopg://nobody@127.0.0.1:1/x"}, (), 1, "answer"),
        ({"TEXTMILL_REDIS__URL": ""}, (), 2, "TEXTMILL_REDIS__URL"),
        ({"TEXTMILL_WORKER__THREADS": "many"}, (), 2, "threads"),
        ({}, ("--device", "gpu:3"), 2, "There is no gpu:3 here"),
        ({}, ("--device", "tpu"), 2, "`tpu` is no device"),
    ],
)
def test_what_a_person_can_mend_is_a_line_and_an_exit_code(
    environment: dict[str, str],
    wrong: dict[str, str],
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    work = Work(environment | wrong, *arguments)
    assert work.end() == code, work.text
    assert any(sentence in line for line in work.lines), work.text
    assert "Traceback" not in work.text


def test_a_parent_that_is_killed_takes_its_worker_along(
    environment: dict[str, str], version: ModelVersion
) -> None:
    work = Work(environment)
    until(lambda: "(process " in work.text, 30)
    worker = Path("/proc") / work.text.partition("(process ")[2].partition(")")[0]
    time.sleep(1)  # it is importing now
    assert worker.exists()
    work.process.kill()
    work.end()
    until(lambda: not worker.exists(), 20)
