"""What Prometheus reads: the figures of a worker and of a dispatcher, and the page they are on."""

import socket
from datetime import UTC, datetime
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from schemas.errors import ArtifactError, SettingsError
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.record import Terminal
from schemas.settings import load
from tests.unit.examples import delivery, partition
from tests.unit.fakes import MemoryStore
from tests.unit.story import PATIENCE_S, Story
from tests.unit.worker_fakes import (
    FakeRegistry,
    FakeResults,
    HashModel,
    answer,
    batch,
    item,
    version,
)
from workers.core.endings import expired
from workers.loaded_models import LoadedModels
from workers.metrics.dispatcher import DispatcherMetrics
from workers.metrics.early import EarlyAnswers
from workers.metrics.exposition import HOST, Exposition
from workers.metrics.share import WINDOW_S, Share
from workers.metrics.worker import WorkerMetrics
from workers.ports import ModelVersion


class Figures:
    """A registry, and what stands in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"textmill_{name}", labels)


def test_a_worker_counts_what_it_loads_computes_and_keeps() -> None:
    figures = Figures()
    metrics = WorkerMetrics(figures.registry)
    versions = FakeRegistry(version(1, "d1"))
    models = metrics.watch(
        LoadedModels(versions, metrics.load(lambda wanted: HashModel(wanted.digest)))
    )
    results = metrics.results(FakeResults())
    work = batch(item(0, "a" * 10), item(1, "b" * 14), item(2, "poison"))
    answers, endings = answer(work, models.get(1, "d1"), datetime.now(UTC))
    recorded = results.record(work, answers, endings, 0.1)
    assert len(recorded.settled) == 3
    assert figures("jobs_total", state="DONE") == 2
    assert figures("jobs_total", state="QUARANTINED") == 1
    assert figures("batch_texts_count") == 1
    assert figures("batch_texts_sum") == 3
    assert figures("model_load_seconds", model="tone@1") is not None
    assert figures("models_loaded") == 1
    for stage in ("parse", "features", "predict", "persist"):
        seconds = figures("stage_seconds_total", stage=stage)
        assert seconds is not None
        assert seconds > 0
    share = figures("device_busy_share")
    assert share is not None
    assert 0 < share <= 1


def test_padding_is_real_tokens_by_padded_ones() -> None:
    figures = Figures()
    metrics = WorkerMetrics(figures.registry)
    model = metrics.load(lambda wanted: HashModel(wanted.digest))(version(1, "d1"))
    assert figures("padding_efficiency") == 0
    parsed = model.parse([Question("abc"), Question("abcdefg")])
    model.shapes([len(one.ids) for one in parsed], 64)
    assert (figures("real_tokens_total"), figures("padded_tokens_total")) == (10, 16)
    assert figures("padding_efficiency") == 10 / 16


def test_a_load_that_fails_leaves_no_figure() -> None:
    figures = Figures()

    def fail(wanted: ModelVersion) -> HashModel:
        raise ArtifactError("damaged")

    with pytest.raises(ArtifactError):
        WorkerMetrics(figures.registry).load(fail)(version(1, "d1"))
    assert figures("model_load_seconds", model="tone@1") is None


def test_a_share_is_of_the_last_minute() -> None:
    share = Share(0.0)
    assert share.of(0.0, 0.0) == 0
    assert share.of(5.0, 10.0) == 0.5
    assert share.of(5.0, 20.0) == 0.25
    assert share.of(5.0, 20.0 + WINDOW_S) == 0
    assert share.of(5.0 + WINDOW_S, 20.0 + 2 * WINDOW_S) == 1.0


def test_a_dispatcher_shows_its_batches_by_why_they_left() -> None:
    figures, story = Figures(), Story("w1")
    DispatcherMetrics(figures.registry, story.scheduler)
    story.claim()
    story.arrive(delivery(0, due_at=9.0), delivery(1, due_at=9.0))
    story.send()
    assert figures("batches_total", reason="idle") == 1
    assert figures("batches_in_flight") == 1
    assert figures("jobs_in_flight") == 2
    assert figures("workers") == 1
    assert figures("backlog_seconds", group="") == 0
    story.workers.clear()
    story.now += PATIENCE_S + 1
    story.look()
    assert figures("batches_lost_total", loss="worker_gone") == 1
    assert figures("batches_in_flight") == figures("workers") == 0


def test_lag_is_shown_where_the_log_knows_it() -> None:
    figures, story = Figures(), Story()
    metrics = DispatcherMetrics(figures.registry, story.scheduler)
    assert figures("log_lag") is None
    metrics.behind = lambda: 12
    assert figures("log_lag") == 12


def test_endings_are_counted_but_for_those_of_others() -> None:
    figures, story = Figures(), Story()
    ledger = DispatcherMetrics(figures.registry, story.scheduler).ledger(MemoryStore())
    for at in (partition(0), partition(1), partition(1)):
        ledger.claim(at, "me")
    one, other = delivery(0).item, delivery(0, at=partition(1)).item
    assert ledger.end([expired(one), expired(other)]) == {partition(1)}
    assert figures("dispatcher_jobs_total", state=Terminal.EXPIRED) == 1


def test_the_page_is_on_this_machine_alone_and_passes_over_a_port_that_is_taken() -> None:
    figures = Figures()
    WorkerMetrics(figures.registry)
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with Exposition(figures.registry, port, "worker cpu") as page:
            assert port < page.port < port + 64
            text = urlopen(f"http://{HOST}:{page.port}/metrics", timeout=5).read().decode()
    assert "textmill_device_busy_share 0.0" in text
    with pytest.raises(URLError):
        urlopen(f"http://{HOST}:{page.port}/metrics", timeout=5)


def test_without_a_port_there_is_no_page() -> None:
    with Exposition(CollectorRegistry(), 0, "the dispatcher") as page:
        assert page.port == 0
    assert load({}).metrics.port == 0
    with pytest.raises(SettingsError, match="metrics"):
        load({"TEXTMILL_METRICS__PORT": "70000"})


def test_the_share_of_early_answers_is_told_by_version() -> None:
    figures = Figures()
    early = EarlyAnswers(figures.registry)
    sure, unsure = (Prediction(tokens=1, build=build) for build in ("cheap", "strong"))
    early.see("one@1", [sure, sure, object()])
    assert figures("early_share", model="one@1") == 1
    early.see("one@1", [unsure, unsure])
    early.see("plain@1", [Prediction(tokens=1)])
    assert figures("early_share", model="one@1") == 0.5
    assert figures("answers_total", model="one@1", build="cheap") == 2
    assert figures("answers_total", model="one@1", build="strong") == 2
    assert figures("early_share", model="plain@1") is None
