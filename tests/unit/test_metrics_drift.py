"""Drift as Prometheus sees it: read beside the scrape, seldom, and kept where reading fails."""

import time

import pytest
from prometheus_client import CollectorRegistry

from schemas.errors import UnavailableError
from workers.metrics.drift import OLD_S, DriftMetrics
from workers.ports import Drift

NAMES = {"model": "mood", "version": "1", "task": "sentiment", "feature": "label"}


def value(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("textmill_drift_psi", NAMES)


def test_a_scrape_shows_what_was_read_last_and_reads_seldom() -> None:
    now, found = 0.0, [0.1, 0.2]

    def read() -> list[Drift]:
        return [Drift("mood", 1, "sentiment", "label", found.pop(0))]

    registry = CollectorRegistry()
    metrics = DriftMetrics(registry, read, clock=lambda: now)
    assert len(found) == 2, "nothing is read before somebody looks"
    end = time.monotonic() + 5
    while value(registry) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert value(registry) == pytest.approx(0.1)
    now = OLD_S - 1
    assert value(registry) == pytest.approx(0.1)
    metrics.refresh()
    assert value(registry) == pytest.approx(0.2)


def test_what_was_read_stands_where_reading_fails() -> None:
    answers: list[list[Drift] | Exception] = [
        [Drift("mood", 1, "sentiment", "label", 0.5)],
        UnavailableError("away"),
        ValueError("broken"),
    ]

    def read() -> list[Drift]:
        one = answers.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    registry = CollectorRegistry()
    metrics = DriftMetrics(registry, read, clock=lambda: -1.0)
    for _ in range(3):
        metrics.refresh()
    assert value(registry) == 0.5
