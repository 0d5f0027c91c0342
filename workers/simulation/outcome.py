"""What a simulated run came to."""

from collections.abc import Sequence

import msgspec
import numpy as np

from workers.simulation.arrivals import Arrival
from workers.simulation.policies import Group


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. Latencies are of interactive texts where there are any, else of all;
    seconds from arrival to the end of the batch.
    """

    texts: int
    batches: int
    texts_per_s: float
    """Texts by the time from the first arrival to the last answer."""
    p50_s: float
    p99_s: float
    latencies_s: tuple[float, ...]
    """In order of arrival."""
    padding_efficiency: float
    """Real tokens by padded ones."""
    busy: float
    """Share of the devices' time in which they ran something."""

    def late(self, target_s: float) -> float:
        """Share of the texts that took longer than `target_s`."""
        return float(np.mean(np.array(self.latencies_s) > target_s))


class Tally:
    """Counts along."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals
        self._ended = np.full(len(arrivals), np.nan)
        self._batches = self._padded = 0
        self._busy_s = 0.0

    def run(self, group: Group, now: float, seconds: float) -> None:
        """A device runs this group from `now` on."""
        self._batches += 1
        self._busy_s += seconds
        self._padded += sum(rows * length for rows, length in group.shapes)
        self._ended[[one.item.offset for one in group.deliveries]] = now + seconds

    def outcome(self, devices: int) -> Outcome:
        """Sum up; every text must have been answered."""
        assert not np.isnan(self._ended).any(), "a text was forgotten"
        began = np.array([one.at for one in self._arrivals])
        awaited = np.array([not one.bulk for one in self._arrivals])
        chosen = awaited if awaited.any() else ~awaited
        latencies = (self._ended - began)[chosen]
        span = float(self._ended.max() - began.min())
        return Outcome(
            texts=len(began),
            batches=self._batches,
            texts_per_s=len(began) / span,
            p50_s=float(np.percentile(latencies, 50)),
            p99_s=float(np.percentile(latencies, 99)),
            latencies_s=tuple(latencies.tolist()),
            padding_efficiency=sum(one.tokens for one in self._arrivals) / self._padded,
            busy=self._busy_s / (span * devices),
        )
