"""Members of one group on Kafka: partitions that move, topics that come and are made again."""

import itertools
import threading
import time
from contextlib import closing
from typing import Any, Self

import pytest

from deploy.services import KafkaService
from schemas.record import Partition, Record
from tests.contracts.kafka_fixtures import broker, rig
from tests.contracts.log_rigs import KafkaRig, begin, collect, gain, poll_until, until
from workers.log import kafka as kafka_log
from workers.log.kafka import KafkaLog
from workers.ports import Polled

__all__ = ["broker", "rig"]


class Member(threading.Thread):
    """One reader of the group in a thread of its own, and all that it was told."""

    def __init__(self, rig: KafkaRig) -> None:
        super().__init__()
        self._rig = rig
        self._leave = threading.Event()
        self._to_resume: set[Partition] = set()
        self.ours: set[Partition] = set()
        self.lost: set[Partition] = set()
        self.records: list[Record] = []

    def run(self) -> None:
        with closing(self._rig.reader()) as log:
            while not self._leave.is_set():
                log.resume(list(self._to_resume))
                polled = log.poll(0.05)
                self.lost |= polled.lost
                self.ours = self.ours - polled.lost | polled.gained
                self.records += polled.records

    def resume(self) -> None:
        self._to_resume = set(self.ours)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self.join()


def test_a_second_member_takes_half_and_what_is_kept_goes_on(rig: KafkaRig) -> None:
    with Member(rig) as first, closing(rig.writer()) as writer:
        until(lambda: len(first.ours) == 4)
        first.resume()
        with Member(rig) as second:
            until(lambda: len(second.ours) == len(first.ours) == 2)
            assert first.lost == second.ours
            assert first.ours.isdisjoint(second.ours)
            writer.append(rig.topic, [(str(n), b"x") for n in range(40)])
            until(lambda: first.records)
            assert {record.partition for record in first.records} <= first.ours
            assert not second.records, "what it gained is paused"
            second.resume()
            until(lambda: len(first.records) + len(second.records) == 40)
            assert {record.partition for record in second.records} <= second.ours
        until(lambda: len(first.ours) == 4)


def test_a_stale_resume_does_not_start_what_was_lost_and_gained_again(rig: KafkaRig) -> None:
    with closing(rig.reader()) as log, closing(rig.writer()) as writer:
        ours = gain(log, rig.topic)
        tp = log._consumer.assignment().copy()  # type: ignore[attr-defined]
        members: Any = log._members  # type: ignore[attr-defined]
        members.on_partitions_revoked(tp)
        members.on_partitions_assigned(tp)
        log.resume(ours)
        writer.append(rig.topic, [("key", b"x")])
        assert not log.poll(0.5).records
        polled = log.poll(0.0)
        assert not polled.records
        log.resume(ours)
        assert len(collect(log, 1)) == 1


def test_records_that_come_as_a_rebalance_begins_are_not_lost(
    rig: KafkaRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(rig.reader()) as log, closing(rig.writer()) as writer:
        begin(log, rig.topic)
        until(lambda: not log.poll(0.1).gained)
        writer.append(rig.topic, [("key", b"a")])
        states: Any = itertools.chain([True], itertools.repeat(False))
        monkeypatch.setattr(KafkaLog, "_rejoining", property(lambda _: next(states)))
        monkeypatch.setattr(kafka_log, "LOOK_EVERY_S", 2.0)
        assert [record.value for record in log.poll(3.0).records] == [b"a"]


def test_a_rebalance_that_outlasts_a_poll_is_ended(
    rig: KafkaRig, broker: KafkaService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(rig.reader()) as log:
        gain(log, rig.topic)
        monkeypatch.setattr(kafka_log, "LOOK_EVERY_S", 0.004)
        for _ in range(3):
            later = KafkaRig(broker.url)
            gain(log, later.topic)
            later.delete()


def test_a_new_topic_is_found_within_seconds(rig: KafkaRig, broker: KafkaService) -> None:
    with closing(rig.reader()) as log:
        gain(log, rig.topic)
        later = KafkaRig(broker.url)
        began = time.monotonic()
        gain(log, later.topic)
        assert time.monotonic() - began < 10
        later.delete()


def test_a_topic_made_again_while_it_is_read_is_lost_and_gained(rig: KafkaRig) -> None:
    with closing(rig.reader()) as log, closing(rig.writer()) as writer:
        old = begin(log, rig.topic)
        writer.append(rig.topic, [(str(n), b"old") for n in range(8)])
        collect(log, 8)
        rig.make_again()
        lost: set[Partition] = set()
        gained: set[Partition] = set()

        def moved(polled: Polled) -> bool:
            lost.update(partition for partition in polled.lost if partition.topic == rig.topic)
            gained.update(partition for partition in polled.gained if partition.topic == rig.topic)
            return lost >= set(old) and len(gained) == 4

        poll_until(log, moved)
        assert gained.isdisjoint(old)
        log.resume(list(gained))
        with closing(rig.writer()) as fresh:
            fresh.append(rig.topic, [("key", b"new")])
        (record,) = collect(log, 1)
        assert (record.offset, record.value) == (0, b"new")
        assert record.partition in gained
