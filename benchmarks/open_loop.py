"""Jobs that come when they come: a Poisson process that does not wait for answers.

Latency is counted from the moment a job was due, so a sender that falls behind makes the figure
worse, not better; how far it fell behind is told.
"""

import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile

import msgspec
from confluent_kafka import Producer

from schemas.errors import UnavailableError
from schemas.settings import Settings

LINGER_MS = 2
"""How long a record waits for others. It is in every latency."""
TICK_S = LINGER_MS / 2000
"""The shortest sleep between two records."""
CONNECT_S = 30.0
WAITING_MOST = 1_000_000
"""Records that wait in the sender, at most."""
_WARNINGS = 4
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
    """Sends records to a topic when they are due, through a plain producer.

    The producer is librdkafka's, which leaves the cores to whoever is measured: at 150, 1,000 and
    9,000 records a second 0.04, 0.09 and 0.13 of one, where kafka-python takes 0.19, 0.40 and 0.55.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka.bootstrap_servers,
                "acks": "all",
                "linger.ms": LINGER_MS,
                "partitioner": "murmur2_random",  # the one that other producers have
                "queue.buffering.max.messages": WAITING_MOST,
                "log_level": _WARNINGS,
            }
        )
        self._producer.list_topics(topic, timeout=CONNECT_S)  # before the first job is due
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
                time.sleep(max(early_s, TICK_S))
            due[number], published[number] = began + at, time.time()
            self._producer.produce(self._topic, value, key.encode())
            self._producer.poll(0)
        if left := self._producer.flush(CONNECT_S):
            raise UnavailableError(f"Kafka has not taken {left:,} records within {CONNECT_S:g} s.")
        return Sent(due, published)


def latencies_ms(due: Mapping[int, float], visible: Mapping[int, float]) -> list[float]:
    """Of the jobs that have a row, in milliseconds."""
    return [(visible[number] - at) * 1000 for number, at in due.items() if number in visible]
