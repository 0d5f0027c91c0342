"""What came of interactive topics is drained first; the rest of the way is the log's contract."""

import time
from collections import deque
from types import SimpleNamespace
from typing import Any

from kafka.structs import TopicPartition

from workers.log import fetching

BULK = [TopicPartition("textmill.bulk.sentiment", number) for number in range(3)]
INTERACTIVE = [TopicPartition("textmill.jobs.sentiment", number) for number in range(2)]


class Fetcher:
    """The library's, as far as it is used: completions, a hand and what is parked."""

    def __init__(self, *waiting: TopicPartition, hand: TopicPartition | None = None) -> None:
        self._completed_fetches = deque(SimpleNamespace(topic_partition=tp) for tp in waiting)
        self._next_partition_records = hand and SimpleNamespace(topic_partition=hand)
        self._paused_partition_records: dict[TopicPartition, Any] = {}
        self._nodes_with_pending_fetch_requests: set[int] = set()
        self._fetch_futures: list[Any] = []
        self._reset_task = None
        self.sent = 0
        cluster = SimpleNamespace(brokers=lambda: {1})
        self._manager = SimpleNamespace(cluster=cluster, call_soon=self._call)

    def fetched_records(self, max_records: int, update_offsets: bool) -> tuple[Any, bool]:
        hand = self._next_partition_records
        order = [
            one.topic_partition for one in ([hand] if hand else []) + [*self._completed_fetches]
        ]
        return dict.fromkeys(order, ()), True

    def maybe_validate_positions(self) -> None: ...

    def _send_fetches_async(self) -> None: ...

    def _parse_fetched_data(self, one: Any) -> Any:
        return one

    def _call(self, _: Any) -> Any:
        self.sent += 1
        return SimpleNamespace(is_done=True)


def drained(fetcher: Fetcher) -> list[TopicPartition]:
    found, idle = fetching.Fetching(fetcher).fetch_records(500, timeout_ms=0)
    assert not idle
    return list(found)


def test_interactive_partitions_pass_bulk_ones_that_came_before() -> None:
    fetcher = Fetcher(BULK[1], INTERACTIVE[1], BULK[2], INTERACTIVE[0], hand=BULK[0])
    assert drained(fetcher) == [INTERACTIVE[1], INTERACTIVE[0], BULK[1], BULK[2]]
    assert list(fetcher._paused_partition_records) == [BULK[0]], "goes on later"


def test_an_interactive_partition_in_hand_stays_there() -> None:
    assert drained(Fetcher(BULK[0], hand=INTERACTIVE[0])) == [INTERACTIVE[0], BULK[0]]


def test_a_broker_is_asked_for_more_while_bulk_records_wait_but_not_twice() -> None:
    fetcher = Fetcher(BULK[0])
    drained(fetcher)
    assert fetcher.sent == 1
    fetcher._nodes_with_pending_fetch_requests.add(1)
    drained(fetcher)
    assert fetcher.sent == 1


def test_fetches_keep_a_distance() -> None:
    fetcher = Fetcher()
    made = fetching.Fetching(fetcher)
    began = time.monotonic()
    for _ in range(5):
        made.fetch_records(500, timeout_ms=0)
    assert time.monotonic() - began >= 4 * fetching.FETCH_EVERY_S
    assert fetcher.sent == 5


def test_records_that_are_here_do_not_wait_for_the_next_fetch() -> None:
    fetcher = Fetcher(BULK[0])
    made = fetching.Fetching(fetcher)
    found = [made.fetch_records(500, timeout_ms=0)[0] for _ in range(2)]
    assert all(found)
    assert fetcher.sent == 1, "the second came at once"


def test_a_fetch_is_not_left_out_where_what_is_here_may_not_be_taken() -> None:
    fetcher = Fetcher(BULK[0])
    made = fetching.Fetching(fetcher)
    made.fetch_records(500, timeout_ms=0)
    fetcher.fetched_records = lambda *_, **__: ({}, True)  # its partition is paused now
    made.fetch_records(500, timeout_ms=0)
    assert fetcher.sent >= 2
