"""What a simulated run came to."""

from collections.abc import Sequence

import msgspec
import numpy as np

from workers.core.delivery import Delivery
from workers.simulation.arrivals import Arrival
from workers.simulation.policies import Shapes


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. Latencies are of interactive texts where there are any, else of all;
    seconds from arrival to the end of the batch.
    """

    texts: int
    batches: int
    texts_per_s: float
    """Answered texts by the time from the first arrival to the last answer."""
    p50_s: float
    p99_s: float
    latencies_s: tuple[float, ...]
    """Of the answered ones, in order of arrival."""
    expired: int
    """Texts that had no answer at their deadline, and so none at all."""
    missed: int
    """Texts answered after their deadline."""
    padding_efficiency: float
    """Real tokens by padded ones."""
    busy: float
    """Share of the devices' time in which they ran something."""
    bulk_worst_s: float
    """Longest latency of a bulk text; 0 without any."""

    def late(self, target_s: float) -> float:
        """Share of the texts of `latencies_s` and the expired that took longer than `target_s`."""
        late = np.count_nonzero(np.array(self.latencies_s) > target_s) + self.expired
        return float(late / (len(self.latencies_s) + self.expired))


class Tally:
    """Counts along."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals
        self._ended = np.full(len(arrivals), np.nan)
        self._expired = np.zeros(len(arrivals), dtype=bool)
        self._batches = self._padded = self._real = 0
        self._busy_s = 0.0

    def run(
        self, deliveries: Sequence[Delivery], shapes: Shapes, now: float, seconds: float
    ) -> None:
        """A device runs these from `now` on."""
        self._batches += 1
        self._busy_s += seconds
        self._padded += sum(rows * length for rows, length in shapes)
        numbers = [one.item.offset for one in deliveries]
        self._real += sum(self._arrivals[number].tokens for number in numbers)
        assert np.isnan(self._ended[numbers]).all(), "a text was answered twice"
        self._ended[numbers] = now + seconds

    def expire(self, deliveries: Sequence[Delivery]) -> None:
        """These were not answered in time and never will be."""
        self._expired[[one.item.offset for one in deliveries]] = True

    def outcome(self, devices: int) -> Outcome:
        """Sum up; every text must have been answered or have expired, and not both."""
        answered = ~np.isnan(self._ended)
        assert (answered ^ self._expired).all(), "a text was forgotten, or has two ends"
        began = np.array([one.at for one in self._arrivals])
        bulk = np.array([one.bulk for one in self._arrivals])
        chosen = answered & (bulk if bulk.all() else ~bulk)
        latencies = (self._ended - began)[chosen]
        span = float(np.nanmax(self._ended, initial=began.min()) - began.min()) or 1e-9
        patience = [np.inf if a.deadline_s is None else a.deadline_s for a in self._arrivals]
        some = latencies if len(latencies) else np.array([np.nan])
        return Outcome(
            texts=len(began),
            batches=self._batches,
            texts_per_s=int(answered.sum()) / span,
            p50_s=float(np.percentile(some, 50)),
            p99_s=float(np.percentile(some, 99)),
            latencies_s=tuple(latencies.tolist()),
            expired=int(self._expired.sum()),
            missed=int(
                np.count_nonzero((self._ended - began)[answered] > np.array(patience)[answered])
            ),
            padding_efficiency=self._real / max(self._padded, 1),
            busy=self._busy_s / (span * devices),
            bulk_worst_s=float(np.max((self._ended - began)[answered & bulk], initial=0.0)),
        )
