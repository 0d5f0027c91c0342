"""How the Kafka client fetches, with interactive jobs first and without waiting for its own thread.

kafka-python 3.0 drains what it fetched in the order of arrival, and fetches again when all of it is
drained: an interactive job stood behind up to a mebibyte of bulk jobs of each partition. Here what
came of interactive topics is drained first, and while bulk jobs wait for their turn the partitions
that have nothing waiting are fetched on.

It also passed each poll between its two threads three times. The next fetch is now handed to the
client's thread without waiting for it, and its answer wakes the caller by one event. What a fetch
says of a partition is made anew only where it has changed: for forty partitions that was a
millisecond a fetch. And fetches keep a distance, so that one brings more than one job.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from kafka.consumer import fetcher as library
from kafka.consumer.fetcher import Fetcher
from kafka.structs import TopicPartition

from schemas.topics import is_bulk

Found = Mapping[TopicPartition, Sequence[Any]]
NOTHING: Final[Found] = {}
FETCH_EVERY_S: Final = 0.004
"""How often a fetch may be sent. At a thousand jobs a second each brings a few; what it costs the
broker and two threads here, about 3 ms of a core, is worth more of them."""
VALIDATE_EVERY_S: Final = 0.2
"""How often it is looked whether partitions have a new leader."""


class _Part(library._FetchPartition):  # type: ignore[misc]  # the library ships no types
    """What a fetch says of a partition: compared by identity, as `_part` makes each only once."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


_part = lru_cache(maxsize=4096)(_Part)


def install(fetcher: Fetcher) -> None:
    """Let `fetcher` fetch this way."""
    fetching = Fetching(fetcher)
    fetcher.fetch_records = fetching.fetch_records
    fetcher.maybe_validate_positions = fetching.validate_sometimes
    library._FetchPartition = _part


class Fetching:
    """Takes the place of `Fetcher.fetch_records`; used by the consumer's thread alone."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._sending: Any = None
        """The fetch that the client's thread was asked to send last."""
        self._next_at = 0.0
        """When another one may be sent."""
        self._validate = fetcher.maybe_validate_positions
        self._validated_at = 0.0

    def fetch_records(
        self,
        max_records: int | None = None,
        update_offsets: bool = True,
        timeout_ms: float | None = None,
    ) -> tuple[Found, bool]:
        """Records, waited for at most `timeout_ms`; and whether nothing is there to wait for."""
        self._keep_distance()
        self._settle(timeout_ms)
        found = self._drained(max_records, update_offsets)
        if found:
            return found, False
        self._settle(timeout_ms)
        awaited = [one for one in self._under_way() if not one.is_done]
        if awaited:
            _any_done(awaited, timeout_ms)
        elif not self._fetcher._completed_fetches:
            return NOTHING, True
        return self._drained(max_records, update_offsets), False

    def validate_sometimes(self) -> None:
        """Look for new leaders, but not at each poll."""
        now = time.monotonic()
        if now - self._validated_at >= VALIDATE_EVERY_S:
            self._validated_at = now
            self._validate()

    def _drained(self, max_records: int | None, update_offsets: bool) -> Found:
        """What is here, interactive jobs first; then what has nothing here is fetched on.

        Only a broker without a pending fetch is asked: an answer that came meanwhile would keep its
        partitions out of a fetch that may last.
        """
        free = self._has_free_broker()
        self._let_interactive_pass()
        found: Found = self._fetcher.fetched_records(max_records, update_offsets=update_offsets)[0]
        now = time.monotonic()
        if free and (now >= self._next_at or not found):
            self._next_at = now + FETCH_EVERY_S
            self._sending = self._fetcher._manager.call_soon(self._fetcher._send_fetches_async)
        return found

    def _keep_distance(self) -> None:
        """Wait until a fetch may be sent, unless there are records to be taken; an answer that
        comes meanwhile waits too, which makes for fewer and larger batches."""
        if not self._fetcher._completed_fetches:
            time.sleep(max(self._next_at - time.monotonic(), 0.0))

    def _let_interactive_pass(self) -> None:
        fetcher, waiting = self._fetcher, self._fetcher._completed_fetches
        lanes: tuple[list[Any], list[Any]] = ([], [])
        for _ in range(len(waiting)):
            one = waiting.popleft()
            lanes[is_bulk(one.topic_partition.topic)].append(one)
        interactive, bulk = lanes
        waiting.extendleft(reversed(interactive + bulk))
        hand = fetcher._next_partition_records
        if interactive and hand and is_bulk(hand.topic_partition.topic):
            # `unpark` brings it back
            fetcher._paused_partition_records[hand.topic_partition] = hand
            fetcher._next_partition_records = fetcher._parse_fetched_data(waiting.popleft())

    def _has_free_broker(self) -> bool:
        pending = len(self._fetcher._nodes_with_pending_fetch_requests)
        return pending < max(len(self._fetcher._manager.cluster.brokers()), 1)

    def _under_way(self) -> list[Any]:
        reset = self._fetcher._reset_task
        return [*self._fetcher._fetch_futures, *([] if reset is None else [reset])]

    def _settle(self, timeout_ms: float | None) -> None:
        """Wait until the fetch that was asked for last is sent."""
        if self._sending is not None and not self._sending.is_done:
            _any_done([self._sending], timeout_ms)


def _any_done(futures: Sequence[Any], timeout_ms: float | None) -> None:
    done = threading.Event()
    for future in futures:
        future.add_both(lambda _: done.set())
    done.wait(None if timeout_ms is None else timeout_ms / 1000)
