"""Whatever stands in a record: a clear end for it, an answer for its neighbours, no word in a log.

Each case is published between two good jobs, under one key and so into one partition. What is
expected is the same on SQLite and PostgreSQL, and stands once, in `CASES`. Every text holds a
canary, which may appear in no log, no explanation and, when all is done, no key of Redis.
"""

import base64
import gzip
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.acceptance.conftest import LABELLERS, STARTERS, Servers
from tests.acceptance.running import Installation, Running

CANARY = "canary-7f3ab1-kanarienvogel"
TEXT = f"Where is my card? {CANARY}"
TOPIC = "textmill.jobs.classification"
POETRY = "textmill.jobs.poetry"
ANSWERED = "ANSWERED"
INVALID = "INVALID"
MIB = 1024 * 1024
SECONDS = 120


class Case(NamedTuple):
    """A record and how it must end."""

    value: bytes | None
    reason: str = ANSWERED
    """The documented code; or ANSWERED."""
    state: str = INVALID
    topic: str = TOPIC
    job_id: str | None = None
    """Under which a result is looked for; None: under the case's name."""


def job(name: str, **fields: Any) -> bytes:
    """A job with the canary in its text, and other fields in the place of the usual ones."""
    return json.dumps({"v": 1, "job_id": name, "text": TEXT, **fields}).encode()


def nested(depth: int) -> dict[str, Any]:
    """Metadata of so many levels."""
    document: Any = 1
    for _ in range(depth):
        document = {"a": document}
    return document


def past() -> str:
    return (datetime.now(UTC) - timedelta(seconds=5)).isoformat()


STRANGE_ID = "'; DROP TABLE result; --\" OR 1=1 \\ %s {} $1 表"

CASES: Mapping[str, Case] = {
    # Bytes that are no JSON, or no UTF-8.
    "undecodable": Case(b"\x80\x81\xfe\xff" + CANARY.encode(), "not_utf8"),
    "utf8-invalid": Case(job("utf8-invalid").replace(b"Where", b"\xc3\x28"), "not_utf8"),
    "utf16": Case(job("utf16").decode().encode("utf-16"), "not_utf8"),
    "utf16-without-mark": Case(job("utf16-x").decode().encode("utf-16-le"), "not_json"),
    "byte-order-mark": Case(b"\xef\xbb\xbf" + job("byte-order-mark"), "not_json"),
    "words": Case(TEXT.encode(), "not_json"),
    "array": Case(b"[" + job("array") + b"]", "not_json"),
    "number": Case(b"17", "not_json"),
    "null": Case(b"null", "not_json"),
    "two-objects": Case(job("two-objects") * 2, "not_json"),
    "cut-off": Case(job("cut-off")[:-9], "not_json"),
    "nan": Case(job("nan", metadata={"x": float("nan")}), "not_json"),
    "empty": Case(b"", "empty_record"),
    "tombstone": Case(None, "empty_record"),
    # Fields that are missing or wrong.
    "no-job-id": Case(json.dumps({"text": TEXT}).encode(), "missing_field"),
    "no-text": Case(b'{"job_id": "no-text"}', "missing_field"),
    "text-number": Case(job("text-number", text=5), "invalid_field"),
    "job-id-number": Case(job("x", job_id=5), "invalid_field"),
    "job-id-empty": Case(job(""), "invalid_field"),
    "job-id-long": Case(job("x" * 201), "invalid_field"),
    "job-id-null": Case(job("x", job_id=None), "invalid_field"),
    "lang-unknown": Case(job("lang-unknown", lang="fr"), "invalid_field"),
    "context-string": Case(job("context-string", context="before"), "invalid_field"),
    "metadata-array": Case(job("metadata-array", metadata=[]), "invalid_field"),
    "metadata-huge-number": Case(job("huge", metadata={"x": 2**70}), "invalid_field"),
    "deadline-words": Case(job("deadline-words", deadline="tomorrow"), "invalid_field"),
    "deadline-naive": Case(job("naive", deadline="2030-01-01T00:00:00"), "invalid_field"),
    "tenant-empty": Case(job("tenant-empty", tenant=""), "invalid_field"),
    "model-malformed": Case(job("model-malformed", model="../etc"), "invalid_field"),
    "version-2": Case(job("version-2", v=2), "unsupported_version"),
    # Characters and sizes.
    "nul": Case(job("nul", text=f"{TEXT}\0"), "forbidden_character"),
    "nul-in-metadata": Case(job("nul-m", metadata={"a\0": "b"}), "forbidden_character"),
    "nul-in-id": Case(job("nul\0id"), "forbidden_character"),
    "surrogate": Case(job("surrogate", text=f"{TEXT}\ud800"), "forbidden_character"),
    "surrogate-in-id": Case(job("s\udfff"), "forbidden_character"),
    "5-mb": Case(job("5-mb", text=f"{TEXT} " + "long " * MIB), "text_too_large"),
    "9-mb": Case(job("9-mb", text=f"{TEXT} " + "long " * (9 * MIB // 5)), "record_too_large"),
    "deep": Case(job("deep", metadata=nested(40)), "too_deep"),
    "very-deep": Case(job("x")[:-1] + b',"metadata":' + b'{"a":' * 100_000, "too_deep"),
    "text-empty": Case(job("text-empty", text=""), "empty_text"),
    "text-blank": Case(job("text-blank", text=" \t\r\n\u3000\u00a0"), "empty_text"),
    # What cannot be answered although it is a job.
    "poetry": Case(job("poetry"), "unknown_task", topic=POETRY),
    "model-unknown": Case(job("model-unknown", model="nobody"), "unknown_model"),
    "model-version-unknown": Case(job("mvu", model="intent-en@99"), "unknown_model"),
    "model-of-other-task": Case(job("other", model="sentiment-en"), "wrong_model"),
    "expired": Case(job("expired", deadline=past()), "deadline", "EXPIRED"),
    "again": Case(job("again-before"), "duplicate", "DUPLICATE"),
    "again-otherwise": Case(
        job("again-otherwise-before", text="Another text."), "conflict", "CONFLICT"
    ),
    # Odd, but answered.
    "emoji": Case(job("emoji", text="😀")),
    "zero-width": Case(job("zero-width", text="\u200b\u200d\ufeff")),
    "right-to-left": Case(job("right-to-left", text=f"\u202e{TEXT}\u202c")),
    "combining": Case(job("combining", text=TEXT + "e" + "\u0301" * 100_000)),
    "strange-id": Case(job(STRANGE_ID), job_id=STRANGE_ID),
    "strange-tenant": Case(job("strange-tenant", tenant="x' OR '1'='1")),
    "longest-id": Case(job("表" * 200), job_id="表" * 200),
    "unknown-key": Case(job("unknown-key", colour="red")),
    "same-key-twice": Case(b'{"job_id":"x","text":"a b",' + job("same-key-twice")[1:]),
    "deep-enough": Case(job("deep-enough", metadata=nested(31))),
    "model-named": Case(job("model-named", model="intent-en@1")),
    "one-mib": Case(job("one-mib", text=f"{TEXT} ".ljust(MIB, "x"))),
}
EXPECTED_RECORDS = 3 * len(CASES)


def records() -> Iterator[tuple[str, str, bytes | None]]:
    """Topic, key and value of each record: every case with its neighbours around it."""
    for name, case in CASES.items():
        yield TOPIC, name, job(f"{name}-before")
        yield case.topic, name, case.value
        yield TOPIC, name, job(f"{name}-after")


def test_embedded(embedded: Installation) -> None:
    from producers.embedded import SqliteWriter

    writer = SqliteWriter(embedded.data / "log.sqlite3")
    for topic, key, value in records():
        writer.append(topic, [(key, value)])  # type: ignore[list-item]  # a tombstone
    writer.close()
    embedded.settings[STARTERS] = LABELLERS
    serving = embedded.start("serve")
    judge(embedded, EXPECTED_RECORDS)
    letters_are_on_their_topic(embedded, lambda: embedded_letters(embedded))
    no_log_holds_the_canary([serving])


def test_on_real_services(real: Installation, servers: Servers) -> None:
    import redis

    publish_to_kafka(servers.kafka.url)
    real.settings[STARTERS] = LABELLERS
    processes = [real.start("work"), real.start("dispatch")]
    judge(real, EXPECTED_RECORDS + len(HEADERS))
    for name in HEADERS:
        assert real.one("SELECT count(*) FROM result WHERE job_id = :name", name=name) == 1
    letters_are_on_their_topic(real, lambda: kafka_letters(servers.kafka.url))
    for process in reversed(processes):
        process.signal(signal.SIGTERM)
        assert process.wait(60) == 0
    no_log_holds_the_canary(processes)
    with redis.Redis.from_url(servers.redis.url) as client:
        kept = {key: client.dump(key) for key in client.scan_iter()}
    assert not [key for key, value in kept.items() if CANARY.encode() in key + (value or b"")]


def judge(installation: Installation, records: int) -> None:
    """Every case has its end, every neighbour its answer, and the database holds both."""
    installation.wait_until_settled(records, SECONDS)
    answered = {
        job_id: row
        for job_id, *row in installation.sql("SELECT job_id, label, lang FROM classification")
    }
    for name, case in CASES.items():
        assert f"{name}-before" in answered, name
        assert f"{name}-after" in answered, name
        if case.reason == ANSWERED:
            assert answered[case.job_id or name][0], name
    ended = ends(installation)
    wanted = {n: (c.state, c.reason) for n, c in CASES.items() if c.reason != ANSWERED}
    assert ended == wanted
    assert installation.settled() == records
    details = [d for (d,) in installation.sql("SELECT detail FROM ending")]
    assert not [detail for detail in details if CANARY in detail or "Another" in detail]
    assert all(details)


def ends(installation: Installation) -> dict[str, tuple[str, str]]:
    """How each case ended, by its name: found by the place between its neighbours."""
    rows = installation.sql("SELECT topic, partition, record_offset, state, reason FROM ending")
    places = {
        job_id: (topic, partition, offset)
        for job_id, topic, partition, offset in installation.sql(
            "SELECT job_id, topic, partition, record_offset FROM result"
        )
    }
    by_place = {(t, p, offset): (state, reason) for t, p, offset, state, reason in rows}
    found = {}
    for name, case in CASES.items():
        topic, partition, offset = places[f"{name}-before"]
        place = (topic, partition, offset + 1)
        if case.topic != TOPIC:
            (place,) = [at for at in by_place if at[0] == case.topic]
        if place in by_place:
            found[name] = by_place[place]
    assert len(found) == len(rows)
    return found


def letters_are_on_their_topic(
    installation: Installation, read: Callable[[], list[dict[str, Any]]]
) -> None:
    """What cannot be answered is in the table and on the topic, raw bytes included."""
    wanted = {n: c for n, c in CASES.items() if c.reason not in (ANSWERED, "deadline", "duplicate")}
    assert installation.one("SELECT count(*) FROM dead_letter") == len(wanted)
    installation.wait_for(
        "all published",
        lambda: not installation.one("SELECT count(*) FROM dead_letter WHERE published_at IS NULL"),
        30,
    )
    letters = read()
    reasons = sorted(letter["reason"] for letter in letters)
    assert reasons == sorted(case.reason for case in wanted.values())
    raws = {base64.b64decode(letter["raw_base64"]) for letter in letters}
    for name, case in wanted.items():
        if case.state == INVALID:
            assert (case.value or b"")[: 64 * 1024] in raws, name


def no_log_holds_the_canary(processes: list[Running]) -> None:
    """Neither a text nor a part of one was written by any process."""
    for process in processes:
        assert CANARY not in process.said, process.name
        assert "Traceback" not in process.said, process.said


def embedded_letters(installation: Installation) -> list[dict[str, Any]]:
    """What stands on the dead-letter topic of the embedded log."""
    from producers import sqlite_log

    log = sqlite_log.open_log(installation.data / "log.sqlite3")
    try:
        found = log.execute(
            "SELECT r.value FROM record r JOIN partition p ON p.id = r.id >> 40 "
            "JOIN topic t ON t.id = p.topic WHERE t.name = 'textmill.dead-letters'"
        )
        return [json.loads(value) for (value,) in found]
    finally:
        log.close()


def kafka_letters(broker: str) -> list[dict[str, Any]]:
    """What stands on the dead-letter topic."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    topic = "textmill.dead-letters"
    try:
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends_at = consumer.end_offsets(places)
        letters: list[dict[str, Any]] = []
        deadline = time.monotonic() + 30
        while any(consumer.position(p) < ends_at[p] for p in places):
            assert time.monotonic() < deadline
            for found in consumer.poll(timeout_ms=500).values():
                letters += [json.loads(record.value) for record in found]
        return letters
    finally:
        consumer.close()


class NotUtf8(str):
    """A header's key as a careless client sends it: kafka-python calls `encode` on it."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        """Bytes that no decoder takes."""
        return b"\xff\xfe-key"


HEADERS: dict[str, list[tuple[str, bytes]]] = {
    "header-key-not-utf8": [(NotUtf8("key"), b"value")],
    "header-without-value": [("", b"")],
    "many-headers": [("key", b"\xff")] * 500,
}
"""Jobs whose headers are odd: Textmill uses none, so they are answered."""


def publish_to_kafka(broker: str) -> None:
    """As a client of somebody else's would; large records are compressed to pass the broker."""
    from kafka import KafkaAdminClient, KafkaProducer

    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.create_topics({POETRY: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    producer = KafkaProducer(
        bootstrap_servers=broker, acks="all", compression_type="gzip", max_request_size=32 * MIB
    )
    try:
        sent = [producer.send(topic, value, key.encode()) for topic, key, value in records()]
        sent += [producer.send(TOPIC, job(n), b"headers", headers=h) for n, h in HEADERS.items()]
        producer.flush(timeout=60)
        for confirmation in sent:
            confirmation.get(timeout=30)
    finally:
        producer.close(timeout=5)


@pytest.mark.parametrize("name", ["5-mb", "9-mb"])
def test_a_large_text_is_small_on_its_way(name: str) -> None:
    """It is compression that lets these texts pass a broker, whose limit is for what it stores."""
    value = CASES[name].value
    assert value is not None
    assert len(value) > 5 * MIB
    assert len(gzip.compress(value)) < MIB
