"""Jobs that come when they come: a Poisson process that does not wait for answers.

Latency is counted from the moment a job was due, so a sender that falls behind makes the figure
worse, not better; how far it fell behind is told.
"""

import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile
from typing import Any

import msgspec

from schemas.settings import Settings

LINGER_MS = 2
"""How long a record waits for others. Without, a request each takes this client 0.5 to 1.4 ms of a
core that whoever is measured needs, and it falls behind at 3,000 a second; with it 0.2 ms there.
Many thousand a second need more of it, and it is in every latency."""
WARM_S = 2.0
"""Jobs due earlier than this after the start are sent but not counted."""


class Sent(msgspec.Struct, frozen=True):
    """One open loop."""

    due: dict[int, float]
    """When each job was due, in seconds since 1970, by number."""
    published: dict[int, float]
    """When the sender handed each over, which is its record's timestamp."""

    @property
    def late_p99_ms(self) -> float:
        """How far the sender fell behind."""
        return round(percentile(latencies_ms(self.due, self.published), 0.99) or 0.0, 2)

    @property
    def counted(self) -> dict[int, float]:
        """Without the first ones."""
        begin = min(self.due.values(), default=0.0) + WARM_S
        return {number: at for number, at in self.due.items() if at >= begin}


def arrivals(rate: float, seed: int = 1) -> Iterator[float]:
    """Moments from 0 on, `rate` a second on average, exponentially apart; without end."""
    rng, at = random.Random(seed), 0.0
    while True:
        at += rng.expovariate(rate)
        yield at


def until(moments: Iterator[float], seconds: float) -> Iterator[float]:
    """Those before `seconds`."""
    return takewhile(lambda at: at < seconds, moments)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of all do not exceed; None of none."""
    if not values:
        return None
    ascending = sorted(values)
    place = max(0, -int(-share * len(ascending) // 1) - 1)
    return ascending[place]


class Sender:
    """Sends records to a topic when they are due, through a plain producer."""

    def __init__(self, settings: Settings, topic: str, linger_ms: int = LINGER_MS) -> None:
        from kafka import KafkaProducer

        servers = settings.kafka.bootstrap_servers
        self._producer: Any = KafkaProducer(
            bootstrap_servers=servers, acks="all", linger_ms=linger_ms
        )
        self._tick_s = linger_ms / 2000
        self._producer.partitions_for(topic)  # it is connected before the first job is due
        self._topic = topic

    def send(
        self,
        records: Iterable[tuple[str, bytes]],
        moments: Iterator[float],
        stop: threading.Event | None = None,
    ) -> Sent:
        """Send until `moments` or `records` end or `stop` is set; record n is number n."""
        began, due, published = time.time(), {}, {}
        for number, (key, value), at in zip(count(), records, moments, strict=False):
            if stop is not None and stop.is_set():
                break
            early_s = began + at - time.time()
            if early_s > 0:  # a turn of the lock for each record would be most of the work
                time.sleep(max(early_s, self._tick_s))
            due[number], published[number] = began + at, time.time()
            self._producer.send(self._topic, value, key.encode())
        self._producer.flush()
        return Sent(due, published)

    def close(self) -> None:
        """Give back connections."""
        self._producer.close()


def latencies_ms(due: Mapping[int, float], visible: Mapping[int, float]) -> list[float]:
    """Of the jobs that have a row, in milliseconds."""
    return [(visible[number] - at) * 1000 for number, at in due.items() if number in visible]
