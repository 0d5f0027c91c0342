"""Records in the Kafka client's own batches: all of them, in order, each batch confirmed."""

from itertools import pairwise
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, NotEnoughReplicasError
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition

from producers.batches import send

TOPIC = "texts"
RECORDS = [(f"job-{number}", b"x" * (number % 90)) for number in range(500)]


class Client:
    """The client without its sender: `flush` does what the test wants."""

    def __init__(self, on_flush: Any) -> None:
        self.config = {"max_request_size": 10_000}
        self._accumulator = RecordAccumulator(batch_size=2000)
        self._sender = self
        self._on_flush = on_flush

    def wakeup(self) -> None:
        """Nobody sleeps."""

    def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def batches(self) -> list[Any]:
        return [
            batch
            for number in (0, 1)
            for batch in self._accumulator._batches[TopicPartition(TOPIC, number)]
        ]

    def flush(self, timeout: float) -> None:
        self._on_flush(self.batches())


def confirm(batches: list[Any]) -> None:
    for batch in batches:
        batch.complete(0, -1)


def test_each_record_is_in_a_batch_once_and_in_order() -> None:
    client = Client(confirm)

    send(client, TOPIC, RECORDS, 1.0)

    found = []
    for batch in client.batches():
        batch.records.close()
        found += [
            (one.key.decode(), one.value)
            for each in MemoryRecords(batch.records.records()._buffer)
            for one in each
        ]
    assert len(client.batches()) > 4
    assert sorted(found) == sorted(RECORDS)
    numbers = [int(key[4:]) for key, _ in found]
    assert sum(a > b for a, b in pairwise(numbers)) == 1  # the partitions


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_batch_that_failed_is_an_error(number: int) -> None:
    def fail(batches: list[Any]) -> None:
        failed = batches.pop(number)
        failed.complete_exceptionally(NotEnoughReplicasError(), lambda _: NotEnoughReplicasError())
        confirm(batches)

    with pytest.raises(NotEnoughReplicasError):
        send(Client(fail), TOPIC, RECORDS, 1.0)


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_batch_that_nobody_confirmed_is_an_error(number: int) -> None:
    def lose(batches: list[Any]) -> None:
        batches.pop(number)
        confirm(batches)

    with pytest.raises(KafkaTimeoutError):
        send(Client(lose), TOPIC, RECORDS, 1.0)


def test_a_record_that_is_too_large_is_refused_before_any_is_sent() -> None:
    client = Client(confirm)

    with pytest.raises(MessageSizeTooLargeError):
        send(client, TOPIC, [*RECORDS, ("large", b"x" * 10_000)], 1.0)
    assert client.batches() == []
