"""What only the log on Kafka has: damaged records, a broker that is away, the library's own log."""

import logging
import socket
import time
from contextlib import closing
from importlib.util import find_spec

import pytest
from kafka import KafkaProducer
from kafka.errors import TopicAuthorizationFailedError
from kafka.producer.kafka import KafkaProducer as ProducerClass
from kafka.record import default_records

from deploy.services import KafkaService
from producers import kafka as kafka_writer
from schemas import topics
from schemas.errors import SettingsError, TextmillError, UnavailableError, UsageError
from schemas.settings import KafkaSettings, ResultsSettings, Settings
from schemas.task import Task
from tests.contracts.kafka_fixtures import broker, rig
from tests.contracts.log_rigs import KafkaRig, begin, collect, poll_until, until
from workers.log import failures
from workers.log.kafka import KafkaLog
from workers.log.topics import create_topics

__all__ = ["broker", "rig"]


class NotUtf8(str):
    """A header key that is sent as bytes no decoder accepts."""

    def encode(self, *_: object) -> bytes:
        return b"\\xff\\xfe\\x00"


def test_headers_that_are_not_utf8_cost_neither_their_record_nor_its_neighbours(
    rig: KafkaRig,
) -> None:
    with KafkaProducer(bootstrap_servers=rig.kafka.bootstrap_servers, linger_ms=500) as producer:
        for value, headers in [(b"a", []), (b"b", [(NotUtf8("x"), b"\\xff")]), (b"c", [])]:
            producer.send(rig.topic, value=value, partition=0, headers=headers)
    with closing(rig.reader()) as log:
        begin(log, rig.topic)
        assert [(r.offset, r.value) for r in collect(log, 3)] == [(0, b"a"), (1, b"b"), (2, b"c")]


@pytest.mark.skipif(find_spec("snappy") is not None, reason="needs a codec that is missing")
def test_a_batch_of_an_unknown_codec_is_reported_and_stepped_over(
    rig: KafkaRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_records, "snappy_encode", as_snappy)
    monkeypatch.setattr(default_records.DefaultRecordBase, "_assert_has_codec", lambda *_: None)
    codecs = ProducerClass._COMPRESSORS
    monkeypatch.setitem(codecs, "snappy", (lambda: True, codecs["snappy"][1]))
    rig.produce(value=b"before", partition=0)
    with KafkaProducer(
        bootstrap_servers=rig.kafka.bootstrap_servers, compression_type="snappy", linger_ms=500
    ) as producer:
        for number in range(3):
            producer.send(rig.topic, value=b"%d" % number * 400, partition=0)
    monkeypatch.undo()
    rig.produce(value=b"after", partition=0)
    with closing(rig.reader()) as log:
        first = begin(log, rig.topic)[0]
        answers = poll_until(log, lambda polled: any(r.value == b"after" for r in polled.records))
    delivered = [(r.offset, r.value) for polled in answers for r in polled.records]
    assert delivered == [(0, b"before"), (4, b"after")]
    skipped = [place for polled in answers for place in polled.undecodable]
    assert skipped == [(first, 1), (first, 2), (first, 3)]


def as_snappy(payload: bytes) -> bytes:
    """Snappy as Java writes it: one block, in which only runs of one byte are compressed."""
    block, size, at = bytearray(), len(payload), 0
    while size > 0x7F:
        block.append(size & 0x7F | 0x80)
        size >>= 7
    block.append(size)
    while at < len(payload):
        block += bytes([0, payload[at]])  # a literal of one byte
        run = 0
        while run < 64 and payload[at + 1 + run : at + 2 + run] == payload[at : at + 1]:
            run += 1
        if run:
            block += bytes([(run - 1) << 2 | 2, 1, 0])  # copy it `run` times
        at += 1 + run
    header = b"\x82SNAPPY\x00" + (1).to_bytes(4, "big") * 2
    return header + len(block).to_bytes(4, "big") + block


def test_a_broker_that_is_away_is_waited_for(rig: KafkaRig, broker: KafkaService) -> None:
    with closing(rig.writer()) as writer, closing(rig.reader()) as log:
        begin(log, rig.topic)
        writer.append(rig.topic, [("a", b"before")])
        collect(log, 1)
        broker.kill()
        for _ in range(3):
            began = time.monotonic()
            assert not log.poll(0.5).records
            assert time.monotonic() - began < 3
        broker.start()
        writer.append(rig.topic, [("a", b"after")])
        assert [record.value for record in collect(log, 1)] == [b"after"]


def test_a_right_that_is_gone_for_good_ends_the_reading_with_an_error(
    rig: KafkaRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(**_: object) -> None:
        raise TopicAuthorizationFailedError

    monkeypatch.setattr(failures, "GIVE_UP_S", 0.5)
    with closing(rig.reader()) as log:
        monkeypatch.setattr(log._consumer, "poll", denied)  # type: ignore[attr-defined]
        with pytest.raises(TextmillError, match="TopicAuthorizationFailedError"):
            until(lambda: log.poll(0.05).records)
    assert caplog.text.count("fails with TopicAuthorizationFailedError") == 1


def test_an_append_that_is_not_confirmed_is_an_error_and_the_next_works(
    rig: KafkaRig, broker: KafkaService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_writer, "DELIVERY_TIMEOUT_MS", 1500)
    with closing(rig.writer()) as writer:
        writer.append(rig.topic, [("a", b"first")])
        broker.freeze()
        try:
            with pytest.raises(UnavailableError, match="did not confirm"):
                writer.append(rig.topic, [("a", b"second")])
        finally:
            broker.thaw()
        writer.append(rig.topic, [("a", b"third")])
    with closing(rig.reader()) as log:
        begin(log, rig.topic)
        answers = poll_until(log, lambda polled: any(r.value == b"third" for r in polled.records))
    values = [record.value for polled in answers for record in polled.records]
    assert values in ([b"first", b"third"], [b"first", b"second", b"third"])


def test_an_unreachable_broker_is_said_in_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        KafkaLog(KafkaSettings(bootstrap_servers=address))
    assert time.monotonic() - began < 12
    assert address in str(caught.value)
    assert "TEXTMILL_KAFKA__BOOTSTRAP_SERVERS" in str(caught.value)


@pytest.mark.parametrize("host", ["10.0.0.7:9092", "broker.example:9092", "[2001:db8::1]:9092"])
def test_plain_text_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="ALLOW_PLAINTEXT"):
        KafkaLog(KafkaSettings(bootstrap_servers=f"localhost:9092, {host}"))


def test_topics_are_made_once_and_grow_on_request(rig: KafkaRig) -> None:
    settings = Settings(kafka=rig.kafka)
    usual, streamed = topics.all_topics(stream=False), topics.all_topics(stream=True)
    assert [said.split(": ", 1)[1] for said in create_topics(settings, 1, 1)] == [
        "created, partitions: 1."
    ] * len(usual)
    assert all("exists, partitions: 1." in said for said in create_topics(settings, 1, 1))
    assert all("partitions: 1, now 3." in said for said in create_topics(settings, 3, 1))
    streaming = Settings(kafka=rig.kafka, results=ResultsSettings(stream=True))
    assert sum("created" in said for said in create_topics(streaming, 3, 1)) == len(Task)
    with rig.admin() as admin:
        admin.delete_topics(list(streamed))
    with pytest.raises(UsageError, match="fewer brokers than 2"):
        create_topics(settings, 1, 2)


def test_texts_stay_out_of_the_librarys_log(
    rig: KafkaRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with closing(rig.writer()) as writer, closing(rig.reader()) as log:
        writer.append(rig.topic, [("key", b"a secret text")])
        begin(log, rig.topic)
        collect(log, 1)
    assert "secret" not in caplog.text
