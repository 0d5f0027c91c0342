"""A worker's figures: what its device, its models and its rows take."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from models.shapes import Shape
from schemas.batch import Batch
from schemas.question import Question
from schemas.record import Ending, Terminal
from workers.inference import TextModel, Tokens
from workers.loaded_models import Load, LoadedModels
from workers.metrics.early import EarlyAnswers
from workers.metrics.share import Share
from workers.ports import Answer, ModelVersion, Recorded, Results

SIZES: Final = tuple(2**power for power in range(11))
"""Steps of the histogram of texts in a batch."""


class WorkerMetrics:
    """Wraps how models are loaded and where results go, and counts what passes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """The figures appear in `registry`."""

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"textmill_{name}", what, labels, registry=registry)

        self.seconds = counter(
            "stage_seconds", "Seconds in each stage; `predict` is the device's.", "stage"
        )
        self.real = counter("real_tokens", "Tokens of texts in padded arrays.")
        self.padded = counter("padded_tokens", "Tokens of padded arrays, padding included.")
        self.jobs = counter("jobs", "Records with a terminal state, by it.", "state")
        self.batch_texts = Histogram(
            "textmill_batch_texts", "Texts in a batch.", buckets=SIZES, registry=registry
        )
        self._load_seconds = Gauge(
            "textmill_model_load_seconds",
            "Seconds of the last load and warm-up of a version.",
            ["model"],
            registry=registry,
        )
        self._shares(registry)
        self.early = EarlyAnswers(registry)
        self._registry = registry

    def load(self, load: Load) -> Load:
        """The same `load`, timed, whose models are counted."""

        def timed(version: ModelVersion) -> TextModel:
            started = time.perf_counter()
            model = load(version)
            gauge = self._load_seconds.labels(str(version))
            gauge.set(time.perf_counter() - started)
            return MeteredModel(model, self, str(version))

        return timed

    def results(self, results: Results) -> Results:
        """The same store, counted."""
        return MeteredResults(results, self)

    def watch(self, models: LoadedModels) -> LoadedModels:
        """Show what is in memory whenever somebody looks; returns the same."""

        def gauge(name: str, what: str, read: Callable[[], float]) -> None:
            Gauge(f"textmill_{name}", what, registry=self._registry).set_function(read)

        gauge("models_loaded", "Versions in memory.", lambda: len(models.versions))
        gauge("models_missing", "Routed versions not loaded.", lambda: len(models.lack.missing))
        gauge("models_memory_bytes", "What they take, as measured.", lambda: models.memory)
        gauge("models_left", "Versions that made room for others.", lambda: models.left)
        return models

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done meanwhile as this stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds.labels(name).inc(time.perf_counter() - started)

    def _shares(self, registry: CollectorRegistry) -> None:
        busy, share = self.seconds.labels("predict"), Share(time.monotonic())
        gauge = Gauge(
            "textmill_device_busy_share",
            "Part of the last minute in which the device predicted.",
            registry=registry,
        )
        gauge.set_function(lambda: share.of(_value(busy), time.monotonic()))
        gauge = Gauge(
            "textmill_padding_efficiency", "Real tokens by padded ones.", registry=registry
        )
        gauge.set_function(lambda: _value(self.real) / max(_value(self.padded), 1.0))


class MeteredModel:
    """A model, timed by stage. A text read in windows counts as if it were read at once."""

    def __init__(self, model: TextModel, metrics: WorkerMetrics, name: str) -> None:
        self._model, self._metrics, self._name = model, metrics, name

    @property
    def timings(self) -> Sequence[tuple[int, int, float]]:
        """See `TextModel`."""
        return self._model.timings

    @property
    def weight_bytes(self) -> int:
        """See `TextModel`."""
        return self._model.weight_bytes

    @property
    def build(self) -> str:
        """See `TextModel`."""
        return self._model.build

    def parse(self, questions: Sequence[Question]) -> Sequence[Tokens]:
        """See `TextModel`."""
        with self._metrics.stage("parse"):
            return self._model.parse(questions)

    def shapes(self, lengths: Sequence[int], token_budget: int) -> Sequence[Shape]:
        """See `TextModel`."""
        shapes = self._model.shapes(lengths, token_budget)
        self._metrics.real.inc(sum(lengths))
        self._metrics.padded.inc(sum(shape.padded for shape in shapes))
        return shapes

    def features(self, parsed: Sequence[Any], length: int, rows: int) -> Any:
        """See `TextModel`."""
        with self._metrics.stage("features"):
            return self._model.features(parsed, length, rows)

    def predict(self, features: Any) -> Sequence[Any]:
        """See `TextModel`."""
        with self._metrics.stage("predict"):
            answers = self._model.predict(features)
        self._metrics.early.see(self._name, answers)
        return answers

    def check_samples(self) -> None:
        """See `TextModel`."""
        self._model.check_samples()


class MeteredResults:
    """`Results`, timed, whose settled records are counted."""

    def __init__(self, results: Results, metrics: WorkerMetrics) -> None:
        self._results = results
        self._metrics = metrics

    def record(
        self,
        batch: Batch,
        answers: Sequence[Answer],
        endings: Sequence[Ending],
        compute_s: float,
    ) -> Recorded:
        """See `workers.ports.Results`."""
        metrics = self._metrics
        metrics.batch_texts.observe(len(batch.items))
        with metrics.stage("persist"):
            recorded = self._results.record(batch, answers, endings, compute_s)
        metrics.jobs.labels(Terminal.DONE).inc(len(recorded.settled) - len(recorded.ended))
        for state in recorded.ended:
            metrics.jobs.labels(state).inc()
        return recorded

    def compare(self, batch: Batch, answers: Sequence[Answer], compute_s: float, why: str) -> None:
        """See `workers.ports.Results`."""
        with self._metrics.stage("persist"):
            self._results.compare(batch, answers, compute_s, why)


def _value(metric: Counter) -> float:
    """What it stands at."""
    return next(s.value for s in next(iter(metric.collect())).samples if s.name.endswith("_total"))
