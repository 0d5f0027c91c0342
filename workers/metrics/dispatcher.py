"""A dispatcher's figures: read from the scheduler whenever somebody looks, so they cost nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.record import Ending, Partition
from workers.core.flight import Loss
from workers.core.scheduler import Scheduler
from workers.ports import Claim, Ledger

_RELEASE = "release_"
_FIGURES = {
    "retried": "Records tried again.",
    "fenced": "Records of other dispatchers.",
    "streamed": "Results told on their topics.",
}


class DispatcherMetrics(Collector):
    """Reads a scheduler from another thread than its own: single figures, each whole."""

    def __init__(self, registry: CollectorRegistry, scheduler: Scheduler) -> None:
        """The scheduler's figures appear in `registry`."""
        self._scheduler = scheduler
        self.behind: Callable[[], int | None] = lambda: None
        """Asked for the records written and not read; None where the log does not know."""
        self._ended: Counter[str] = Counter()
        registry.register(self)

    def ledger(self, ledger: Ledger) -> Ledger:
        """The same ledger, whose endings are counted."""
        return MeteredLedger(ledger, self._ended)

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client.registry.Collector`."""
        counts = dict(self._scheduler.counts)
        released = {k.removeprefix(_RELEASE): n for k, n in counts.items() if _RELEASE in k}
        lost = {loss.value: counts[loss] for loss in Loss if loss in counts}
        yield _counters("batches", "Batches sent, by why they left.", "reason", released)
        yield _counters("batches_lost", "Batches sent again, by why.", "loss", lost)
        yield _counters(
            "dispatcher_jobs",
            "Records that ended without a worker, by terminal state.",
            *("state", dict(self._ended)),
        )
        shadowed = {name: counts.get(f"shadow_{name}", 0) for name in ("sent", "dropped")}
        yield _counters("shadow_jobs", "Jobs for comparison, by what became.", "state", shadowed)
        for name, what in _FIGURES.items():
            yield CounterMetricFamily(f"textmill_{name}", what, value=counts.get(name, 0))
        yield self._backlogs()
        yield from self._gauges()

    def _backlogs(self) -> GaugeMetricFamily:
        what = "Predicted seconds that a group's workers need for what waits."
        family = GaugeMetricFamily("textmill_backlog_seconds", what, labels=["group"])
        for group, seconds in self._scheduler.backlogs.items():
            family.add_metric([group], seconds)
        return family

    def _gauges(self) -> Iterator[Metric]:
        books, behind = self._scheduler.books, self.behind()
        gauges = {
            "jobs_in_flight": ("Records read and not settled.", books.jobs),
            "job_bytes_in_flight": ("Their bytes.", books.bytes),
            "batches_in_flight": ("Batches at workers.", self._scheduler.flying),
            "workers": ("Workers that live and do not hang.", self._scheduler.workers),
        }
        if behind is not None:
            gauges["log_lag"] = ("Records in the log that are not read yet.", behind)
        for name, (what, figure) in gauges.items():
            yield GaugeMetricFamily(f"textmill_{name}", what, value=figure)


class MeteredLedger:
    """`Ledger` whose endings are counted by state."""

    def __init__(self, ledger: Ledger, ended: Counter[str]) -> None:
        self._ledger = ledger
        self._ended = ended
        self.claim: Callable[[Partition, str], Claim] = ledger.claim
        self.advance = ledger.advance
        self.dead_letters_to_publish = ledger.dead_letters_to_publish
        self.mark_published = ledger.mark_published

    def end(self, endings: Sequence[Ending]) -> frozenset[Partition]:
        """See `workers.ports.Ledger`."""
        fenced = self._ledger.end(endings)
        self._ended.update(one.state.value for one in endings if one.partition not in fenced)
        return fenced


def _counters(name: str, what: str, label: str, figures: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"textmill_{name}", what, labels=[label])
    for value, figure in figures.items():
        family.add_metric([value], figure)
    return family
