"""Records that are sent together, with one confirmation for each batch of them.

`KafkaProducer.send` takes 23 µs of CPU for a record, most of it for a lock, a future and their
callbacks, which nobody asks: `append` waits for all records anyway. Here a batch is filled under
one lock and confirmed as a whole. The library has no public way to do so; this is the only file
that knows its inside, and the pinned minor version keeps that as it is.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from kafka.structs import TopicPartition

from producers.partitions import Pairs, by_partition

_OVERHEAD: Final = 128
"""Bytes of a record beside its key and its value, at most."""


def send(producer: Any, topic: str, records: Sequence[tuple[str, bytes]], timeout_s: float) -> None:
    """Send `(key, value)` records; returns when all in-sync replicas have them.

    Raises:
        KafkaError: one is too large, or was not confirmed in time.
    """
    largest = producer.config["max_request_size"] - _OVERHEAD
    if any(len(key) * 4 + len(value) > largest for key, value in records):
        raise MessageSizeTooLargeError("A record is larger than a request may be.")
    number = len(producer.partitions_for(topic))
    confirmations: set[Any] = set()
    for partition, pairs in by_partition(records, number).items():
        confirmations |= _fill(producer._accumulator, TopicPartition(topic, partition), pairs)
        producer._sender.wakeup()
    producer.flush(timeout=timeout_s)
    _check(confirmations)


def _fill(accumulator: Any, place: Any, pairs: Pairs) -> set[Any]:
    """Put records into the partition's batches; what will confirm these.

    The library begins a batch, with one record; as many more as it holds go in behind that one.
    """
    now, at = int(time.time() * 1000), 0
    confirmations = set()
    while at < len(pairs):
        first, *_ = accumulator.append(place, now, *pairs[at], [])
        confirmations.add(first._produce_future)
        at += 1
        with accumulator._tp_lock(place):
            waiting = accumulator._batches[place]
            if waiting:  # the sender may have taken it since
                confirmations.add(waiting[-1].produce_future)
                append = waiting[-1].records.append
                while at < len(pairs) and append(now, *pairs[at], ()) is not None:
                    at += 1
    return confirmations


def _check(confirmations: Iterable[Any]) -> None:
    for one in confirmations:
        if not one.is_done:
            raise KafkaTimeoutError("not confirmed")
        _, _, error_of = one.value
        if error_of is not None:
            raise error_of(0)
