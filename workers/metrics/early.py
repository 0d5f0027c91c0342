"""Which share of a version's answers came early, from the networks before its last one."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge

from schemas.prediction import Prediction

LAST: Final = frozenset({"strong", "last"})
"""What `Prediction.build` says where nobody was sure before."""


class EarlyAnswers:
    """Counts answers by the network that gave them, of versions that have several."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """The figures appear in `registry`."""
        self._answers = prometheus_client.Counter(
            "textmill_answers",
            "Answers of versions of several networks, by the one that gave them.",
            ["model", "build"],
            registry=registry,
        )
        self._share = Gauge(
            "textmill_early_share",
            "Part of them that did not need the last network, since this process began.",
            ["model"],
            registry=registry,
        )
        self._lock = threading.Lock()
        self._given: dict[str, Counter[bool]] = {}

    def see(self, model: str, answers: Iterable[Any]) -> None:
        """Count those that say what gave them; others, and what is no answer yet, do not count."""
        builds = Counter(
            one.build for one in answers if isinstance(one, Prediction) and one.build is not None
        )
        if not builds:
            return
        for build, count in builds.items():
            self._answers.labels(model, build).inc(count)
        with self._lock:
            given = self._given.setdefault(model, Counter())
            for build, count in builds.items():
                given[build not in LAST] += count
            self._share.labels(model).set(given[True] / given.total())
