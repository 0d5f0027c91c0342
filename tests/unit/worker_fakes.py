"""Working stand-ins for what a worker has around it: a model, a store, a bus, a registry.

The model answers with a hash of the text and of the version, so that any answer that lands at
another text shows.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from models.shapes import Shape, plan
from schemas.batch import Batch, BatchItem, Completion, WorkerState
from schemas.errors import ArtifactError, UnavailableError
from schemas.job import Job
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.record import Ending, Partition
from schemas.task import Task
from workers.desired import Deployment, Here, Replica, Route, RouteKey, Snapshot
from workers.inference import TextModel, read, solve
from workers.memory import Memory
from workers.ports import Answer, ModelVersion, Profile, Recorded

PARTITION = Partition("a" * 32, 3, "textmill.jobs.sentiment")


def item(offset: int, text: str, deadline: datetime | None = None) -> BatchItem:
    """One item of a batch."""
    job = Job(job_id=f"job-{offset}", text=text, deadline=deadline)
    return BatchItem(PARTITION, offset, 7, job, "en", Task.SENTIMENT, 0, 0.0)


def batch(
    *items: BatchItem, batch_id: str = "b1", version_id: int = 1, digest: str = "d1"
) -> Batch:
    """A batch of these items."""
    return Batch(
        batch_id=batch_id,
        attempt=1,
        reply_to="dispatcher",
        version_id=version_id,
        digest=digest,
        items=items,
    )


def label_of(text: str, digest: str = "d1") -> str:
    """What the fake model must say of a text."""
    return blake2b((digest + text).encode(), digest_size=8).hexdigest()


def answer(
    given: Batch, model: TextModel, now: datetime, memory: Memory | None = None
) -> tuple[list[Answer], list[Ending]]:
    """Both steps in a row, as the worker's two threads take them."""
    return solve(read(given, model, now), memory or Memory())


class Parsed(msgspec.Struct, frozen=True):
    """A parsed text: one id for each character."""

    ids: list[int]
    text: str


class HashModel:
    """A model whose label is a hash of the text; words in a text make it misbehave."""

    weight_bytes = 0
    build = "fake"

    def __init__(self, digest: str = "d1") -> None:
        self.digest = digest
        self.broken = False
        self.arrays: list[tuple[int, int, int]] = []
        """`(texts, length, rows)` of every array that was predicted."""
        self.timings: Sequence[tuple[int, int, float]] = ()

    def parse(self, questions: Sequence[Question]) -> list[Parsed]:
        texts = [question.text for question in questions]
        if any("panic" in text for text in texts):
            raise PanicException
        if any("unparsable" in text for text in texts):
            raise ValueError("cannot parse " + " ".join(texts))
        return [Parsed([ord(c) for c in text], text) for text in texts]

    def shapes(self, lengths: Sequence[int], token_budget: int) -> list[Shape]:
        return plan(lengths, token_budget)

    def features(self, parsed: Sequence[Parsed], length: int, rows: int) -> Any:
        assert len(parsed) <= rows
        assert all(len(one.ids) <= length for one in parsed)
        if any("featureless" in one.text for one in parsed):
            raise KeyError("no feature")
        return parsed, length, rows

    def predict(self, features: Any) -> list[Prediction]:
        parsed, length, rows = features
        texts = [one.text for one in parsed]
        self.arrays.append((len(parsed), length, rows))
        self._misbehave(texts)
        answers = [self._answer(text) for text in texts]
        return answers[:-1] if any("short" in text for text in texts) else answers

    def check_samples(self) -> None:
        if self.broken:
            raise ArtifactError("not my answer")

    def _misbehave(self, texts: Sequence[str]) -> None:
        if self.broken or any("poison" in text for text in texts):
            raise RuntimeError("model fails on " + " ".join(texts))
        if any("greedy" in text for text in texts):
            raise MemoryError
        if len(texts) > 4 and any("large" in text for text in texts):
            raise ResourceExhaustedError

    def _answer(self, text: str) -> Prediction:
        score = float("nan") if "infinite" in text else 0.5
        return Prediction(tokens=len(text), label=label_of(text, self.digest), score=score)


class PanicException(BaseException):  # as in pyo3
    """What a panic in Rust becomes."""


class ResourceExhaustedError(Exception):
    """Named like TensorFlow's, which is what the worker goes by."""


class FakeResults:
    """Keeps what was recorded."""

    def __init__(self) -> None:
        self.answers: dict[tuple[Partition, int], Answer] = {}
        self.endings: dict[tuple[Partition, int], Ending] = {}
        self.compared: dict[tuple[Partition, int], Answer | str] = {}
        """What a shadow answered, or why it did not."""
        self.failure: Exception | None = None
        self.delay_s = 0.0

    def record(
        self, batch: Batch, answers: Sequence[Answer], endings: Sequence[Ending], compute_s: float
    ) -> Recorded:
        time.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        self.answers |= {(a.item.partition, a.item.offset): a for a in answers}
        self.endings |= {(e.partition, e.offset): e for e in endings}
        places = [(a.item.partition, a.item.offset) for a in answers]
        places += [(e.partition, e.offset) for e in endings]
        ended = tuple(ending.state for ending in endings)
        return Recorded(settled=tuple(places), fenced=(), ended=ended)

    def compare(self, batch: Batch, answers: Sequence[Answer], compute_s: float, why: str) -> None:
        if self.failure is not None:
            raise self.failure
        given = {(a.item.partition, a.item.offset): a for a in answers}
        self.compared |= {
            (item.partition, item.offset): given.get((item.partition, item.offset), why)
            for item in batch.items
        }


class FakeBus:
    """Keeps what a worker says."""

    def __init__(self) -> None:
        self.states: list[WorkerState] = []
        self.withdrawn: list[str] = []
        self.waited_for: set[str] = set()
        self.completions: list[Completion] = []
        self.away = False
        self._came = threading.Condition()

    def announce(self, state: WorkerState) -> None:
        self._answer()
        self.states.append(state)

    def withdraw(self, worker_id: str) -> None:
        self._answer()
        self.withdrawn.append(worker_id)

    def complete(self, reply_to: str, completion: Completion) -> None:
        self._answer()
        with self._came:
            self.completions.append(completion)
            self._came.notify_all()

    def wanted(self, models: Sequence[str]) -> Sequence[str]:
        self._answer()
        return [model for model in models if model in self.waited_for]

    def wait_for(self, number: int, timeout_s: float = 5.0) -> list[Completion]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.completions) >= number, timeout_s)
            return list(self.completions)

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("Redis does not answer.")


def version(version_id: int, digest: str, name: str = "tone") -> ModelVersion:
    """A registered version."""
    return ModelVersion(
        version_id=version_id,
        name=name,
        version=version_id,
        task=Task.SENTIMENT,
        languages=("en",),
        digest=digest,
        path=Path("/nowhere"),
        state="live",
    )


class FakeRegistry:
    """Some versions; those with an even key are not routed."""

    def __init__(self, *versions: ModelVersion) -> None:
        self.all = versions
        self.away = False

    def versions(self) -> Sequence[ModelVersion]:
        self._answer()
        return self.all

    def routes(self) -> dict[Any, ModelVersion]:
        self._answer()
        return {("sentiment", one.version_id): one for one in self.all if one.version_id % 2}

    def register(self, *_: object) -> ModelVersion:
        raise NotImplementedError("a worker registers nothing")

    def route(self, *_: object) -> None:
        raise NotImplementedError("a worker routes nothing")

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("the database does not answer")


class FakeProfiles:
    """What was asked for before."""

    def __init__(self, *known: Profile) -> None:
        self.known = known

    def profiles(self) -> Sequence[Profile]:
        return self.known

    def keep(self, profiles: Sequence[Profile]) -> None:
        raise NotImplementedError("a worker keeps none")


class FakeRollouts:
    """Routes to the routed versions of a registry; remembers what one worker says."""

    def __init__(self, registry: FakeRegistry) -> None:
        self._registry = registry
        self.pending: list[Deployment] = []
        self.here: list[Here] = []
        self.replicas: dict[int, Replica] = {}

    def snapshot(self) -> Snapshot:
        routes = self._registry.routes().items()
        return Snapshot(
            now=time.time(),
            routes=[Route(key=RouteKey(*key), live=live) for key, live in routes],
            pending=list(self.pending),
            workers=self.here[-1:],
            replicas=list(self.replicas.values()),
        )

    def beat(self, worker: Here, replicas: Sequence[Replica]) -> None:
        now = time.time()
        self.here.append(msgspec.structs.replace(worker, heartbeat_at=now))
        before, self.replicas = self.replicas, {}
        for one in replicas:
            known = before.get(one.version_id)
            same = known is not None and known.state == one.state
            at = known.at if known is not None and same else now
            self.replicas[one.version_id] = msgspec.structs.replace(one, at=at)

    def leave(self, worker_id: str) -> None:
        self.here.clear()

    def states(self) -> dict[int, str]:
        """What was said last of each version."""
        return {version_id: one.state for version_id, one in self.replicas.items()}


def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait for a condition to hold."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
