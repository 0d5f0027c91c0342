"""How far the answers of each version have moved, as a figure for Prometheus.

The view behind it reads all results, which takes longer than a scrape may. So a scrape shows what
was read last, and has it read anew in a thread where that is old; the first shows nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.errors import UnavailableError
from workers.failure import kind
from workers.ports import Drift

_log = logging.getLogger(__name__)
OLD_S: Final = 600.0


class DriftMetrics(Collector):
    """Shows what was read last."""

    def __init__(
        self,
        registry: CollectorRegistry,
        read: Callable[[], Sequence[Drift]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            registry: where the figures appear.
            read: gives them; may take long.
            clock: in seconds.
        """
        self._read = read
        self._clock = clock
        self._known: Sequence[Drift] = ()
        self._next_at = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """See `Collector`: asked when it is registered, without reading anything."""
        yield _family()

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client.registry.Collector`."""
        with self._lock:
            if self._clock() >= self._next_at:
                self._next_at = self._clock() + OLD_S
                threading.Thread(target=self.refresh, name="textmill-drift", daemon=True).start()
        family = _family()
        for one in self._known:
            names = (one.model, str(one.version), one.task, one.feature)
            family.add_metric(names, one.psi)
        yield family

    def refresh(self) -> None:
        """Read anew; what was read last stands where that fails."""
        try:
            self._known = self._read()
        except UnavailableError:
            _log.debug("drift is not read now")
        except Exception as error:  # the edge of the thread
            _log.warning("Drift cannot be read: %s.", kind(error))


def _family() -> GaugeMetricFamily:
    what = "Population stability index of the newest answers against the first."
    labels = ["model", "version", "task", "feature"]
    return GaugeMetricFamily("textmill_drift_psi", what, labels=labels)
