"""What every job log promises, on Kafka and in a SQLite file."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.record import Partition
from tests.contracts.log_rigs import KafkaRig, Rig, SqliteRig, begin, collect, gain, until
from workers.ports import Polled


@pytest.fixture(params=["sqlite", "kafka"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "sqlite":
        yield SqliteRig(tmp_path / "log.sqlite3")
        return
    kafka = KafkaRig(request.getfixturevalue("kafka_bootstrap"))
    yield kafka
    kafka.delete()


def write(rig: Rig, count: int, first: int = 0) -> list[bytes]:
    records = [(f"key-{n}", f"value-{n}".encode()) for n in range(first, first + count)]
    with closing(rig.writer()) as writer:
        writer.append(rig.topic, records)
    return [value for _, value in records]


def test_records_arrive_once_in_order_with_their_coordinates(rig: Rig) -> None:
    before = time.time()
    values = write(rig, 100)
    with closing(rig.reader()) as log:
        ours = begin(log, rig.topic)
        records = collect(log, 100)
        assert not log.poll(0.05).records
    assert sorted(record.value or b"" for record in records) == sorted(values)
    for partition in ours:
        found = [record for record in records if record.partition == partition]
        assert [record.offset for record in found] == list(range(len(found)))
        numbers = [int((record.value or b"").split(b"-")[1]) for record in found]
        assert numbers == sorted(numbers)
    assert {record.partition for record in records} == set(ours), "keys spread over partitions"
    assert all(before - 1 < record.published_at < time.time() + 1 for record in records)


def test_a_partition_is_the_numbered_part_of_a_topic_with_a_uuid(rig: Rig) -> None:
    write(rig, 1)
    with closing(rig.reader()) as log:
        ours = gain(log, rig.topic)
    assert [partition.number for partition in ours] == [0, 1, 2, 3]
    assert {partition.topic for partition in ours} == {rig.topic}
    (topic_id,) = {partition.topic_id for partition in ours}
    assert len(bytes.fromhex(topic_id)) == 16


def test_what_is_gained_is_paused_until_resumed(rig: Rig) -> None:
    write(rig, 20)
    with closing(rig.reader()) as log:
        ours = gain(log, rig.topic)
        assert not log.poll(0.5).records
        log.resume(ours)
        assert len(collect(log, 20)) == 20


def test_a_paused_partition_delivers_nothing_and_loses_nothing(rig: Rig) -> None:
    write(rig, 40)
    with closing(rig.reader()) as log:
        ours = begin(log, rig.topic)
        collect(log, 40)
        log.pause(ours[1:])
        write(rig, 40, first=40)
        running = collect(log, 1) + list(log.poll(0.5).records)
        assert {record.partition for record in running} == {ours[0]}
        log.resume(ours[1:])
        rest = collect(log, 40 - len(running))
    assert len(running) + len(rest) == 40
    assert {record.partition for record in rest} == set(ours[1:])


def test_what_was_paused_with_records_in_hand_goes_on_beside_a_busy_partition(rig: Rig) -> None:
    write(rig, 6000)
    with closing(rig.reader()) as log:
        ours = begin(log, rig.topic)
        read = len(collect(log, 1))
        log.pause(ours[1:])
        for written in range(6000, 6060, 20):
            write(rig, 20, first=written)
            read += len(log.poll(0.5).records)
        log.resume(ours[1:])
        for written in range(6060, 6460, 20):
            write(rig, 20, first=written)
            read += len(log.poll(0.5).records)
    assert read >= 6060, "what was in hand was never delivered"


def test_reading_goes_on_from_where_it_was_sought(rig: Rig) -> None:
    write(rig, 40)
    with closing(rig.reader()) as log:
        ours = begin(log, rig.topic)
        collect(log, 40)
        log.seek(ours[2], 3)
        again = collect(log, log.extent(ours[2])[1] - 3)
        assert {record.partition for record in again} == {ours[2]}
        assert again[0].offset == 3
        log.seek(ours[2], log.extent(ours[2])[1])
        assert not log.poll(0.3).records


def test_extent_spans_what_is_kept(rig: Rig) -> None:
    write(rig, 30)
    with closing(rig.reader()) as log:
        ours = gain(log, rig.topic)
        extents = [log.extent(partition) for partition in ours]
    assert {first for first, _ in extents} == {0}
    assert sum(last for _, last in extents) == 30


def test_a_commit_is_kept_and_does_not_move_the_reader(rig: Rig) -> None:
    write(rig, 40)
    with closing(rig.reader()) as log:
        ours = begin(log, rig.topic)
        collect(log, 40)
        log.commit({ours[0]: 2, ours[1]: 1})
        assert not log.poll(0.3).records
    assert [rig.committed(partition) for partition in ours] == [2, 1, None, None]


def test_calls_for_a_partition_that_is_not_ours_have_no_effect(rig: Rig) -> None:
    write(rig, 5)
    with closing(rig.reader()) as log:
        stranger = begin(log, rig.topic)[0]._replace(topic_id="0" * 32)
        log.pause([stranger])
        log.resume([stranger])
        log.seek(stranger, 5)
        log.commit({stranger: 5})
        assert len(collect(log, 5)) == 5


def test_a_reader_knows_when_it_has_reached_the_end(rig: Rig) -> None:
    rig.put_undelivered(8)
    write(rig, 20, first=8)
    rig.put_undelivered(8, first=28)
    with closing(rig.reader()) as log:
        ours = begin(log, rig.topic)
        ends = {partition: log.extent(partition)[1] for partition in ours}
        reached = dict.fromkeys(ours, 0)
        until(lambda: reached.update(positions_after(log.poll(0.2))) or reached == ends)
        log.pause(ours)
        assert not log.poll(0.2).positions
        log.seek(ours[0], 1)
        log.resume(ours)
        until(lambda: reached.update(positions_after(log.poll(0.2))) or reached == ends)


def positions_after(polled: Polled) -> dict[Partition, int]:
    """Where reading goes on in each partition that something was heard of."""
    return {r.partition: r.offset + 1 for r in polled.records} | dict(polled.positions)


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_content_is_delivered_as_it_is(rig: Rig, value: bytes | None) -> None:
    rig.put("key", value)
    with closing(rig.reader()) as log:
        begin(log, rig.topic)
        (record,) = collect(log, 1)
    assert record.value == value


def test_a_value_of_five_megabytes_arrives(rig: Rig) -> None:
    value = bytes(range(256)) * (5 * 1024 * 4)
    with closing(rig.writer()) as writer:
        writer.append(rig.topic, [("large", value), ("small", b"next")])
    with closing(rig.reader()) as log:
        begin(log, rig.topic)
        records = collect(log, 2)
    assert sorted(len(record.value or b"") for record in records) == [4, len(value)]
    assert value in [record.value for record in records]


def test_a_topic_made_again_has_another_id_and_starts_over(rig: Rig) -> None:
    write(rig, 10)
    with closing(rig.reader()) as log:
        old = gain(log, rig.topic)
    rig.make_again()
    write(rig, 3)
    with closing(rig.reader()) as log:
        new = begin(log, rig.topic)
        records = collect(log, 3)
    assert {partition.topic_id for partition in new}.isdisjoint(p.topic_id for p in old)
    assert {record.partition for record in records} <= set(new)
    assert min(record.offset for record in records) == 0


def test_a_poll_without_records_waits_and_one_with_records_does_not(rig: Rig) -> None:
    write(rig, 1)
    with closing(rig.reader()) as log:
        begin(log, rig.topic)
        collect(log, 1)
        began = time.monotonic()
        assert not log.poll(0.4).records
        assert 0.3 < time.monotonic() - began < 3
        write(rig, 1, first=1)
        began = time.monotonic()
        assert len(collect(log, 1)) == 1
        assert time.monotonic() - began < 2


def test_an_appended_record_can_be_read_at_once_by_an_open_reader(rig: Rig) -> None:
    write(rig, 4)
    with closing(rig.reader()) as log, closing(rig.writer()) as writer:
        begin(log, rig.topic)
        collect(log, 4)
        for number in range(10):
            writer.append(rig.topic, [(str(number), b"now")])
            assert len(collect(log, 1)) == 1


def test_records_can_be_read_again_by_their_places(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the one who reads, some of them, near and far; not what is forgotten or another's."""
    monkeypatch.setattr("workers.log.past_kafka.PASSED_OVER", 5)
    write(rig, 200)
    with closing(rig.reader()) as log:
        first, *_ = begin(log, rig.topic)
        known = {r.offset: r.value for r in collect(log, 200) if r.partition == first}
        some = sorted(known)[::7]
        with closing(rig.past()) as past:
            assert past.values(first, some) == {offset: known[offset] for offset in some}
            assert past.values(first, [3, 4, 10_000]) == {3: known[3], 4: known[4]}
            rig.forget(first, 4)
            assert past.values(first, [3, 4]) == {4: known[4]}
            assert past.values(first._replace(topic_id="0" * 32), [4]) == {}
            other = first._replace(topic_id="0" * 32, topic="textmill.jobs.none")
            assert past.values(other, [4]) == {}
