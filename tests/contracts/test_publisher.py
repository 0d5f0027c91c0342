"""What is published can be read from the log, over Kafka and over the embedded log."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from producers import Publisher, connection
from schemas import topics, wire
from schemas.errors import InvalidJobError, SettingsError, UnavailableError, UsageError
from schemas.job import Job
from schemas.record import Partition, Record
from schemas.settings import KafkaSettings, Settings
from schemas.task import Task
from tests.contracts.log_rigs import poll_until
from workers.log.kafka import KafkaLog
from workers.log.sqlite import SqliteLog
from workers.log.topics import create_topics
from workers.ports import JobLog, Polled


class Mill:
    """The log that the settings name, and what has been written to it since the test began."""

    def __init__(self, settings: Settings, log: JobLog, begin_at: Callable[[Partition], int]):
        self.settings = settings
        self._log = log
        self._begin_at = begin_at

    def read(self, count: int) -> dict[str, list[Job]]:
        """The first `count` jobs, by topic."""
        found: list[Record] = []

        def complete(polled: Polled) -> bool:
            for partition in polled.gained:
                self._log.seek(partition, self._begin_at(partition))
            self._log.resume(list(polled.gained))
            found.extend(polled.records)
            return len(found) >= count

        poll_until(self._log, complete)
        jobs: dict[str, list[Job]] = {}
        for record in found:
            jobs.setdefault(record.partition.topic, []).append(wire.decode(record.value))
        return jobs


@pytest.fixture(params=["sqlite", "kafka"])
def mill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mill]:
    settings = Settings(data_dir=str(tmp_path))
    log: JobLog
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        group = f"publisher-{time.time_ns()}"
        settings = Settings(kafka=KafkaSettings(bootstrap_servers=bootstrap, group_id=group))
        create_topics(settings, 4, 1)
        log = KafkaLog(settings.kafka)
        ends = _ends(log)
    else:
        log = SqliteLog(settings.log_path)
        ends = {}
    with closing(log):
        yield Mill(settings, log, lambda partition: ends.get(partition, 0))


def _ends(log: JobLog) -> dict[Partition, int]:
    """Where each partition ends now; others have written there before. Leaves them as gained."""
    first = KafkaLog(log._kafka)  # type: ignore[attr-defined]
    with closing(first):
        ours: set[Partition] = set()

        def complete(polled: Polled) -> bool:
            ours.update(polled.gained)
            return set(topics.JOB_TOPICS) <= {partition.topic for partition in ours}

        poll_until(first, complete)
        return {partition: first.extent(partition)[1] for partition in ours}


def test_a_text_becomes_one_job_a_task_under_one_id(mill: Mill) -> None:
    with Publisher(mill.settings) as publisher:
        (job_id,) = publisher.publish("天气真好", ["classification", "sentiment"])
    jobs = mill.read(2)
    assert set(jobs) == {"textmill.jobs.classification", "textmill.jobs.sentiment"}
    assert [job for found in jobs.values() for job in found] == [
        Job(job_id=job_id, text="天气真好")
    ] * 2


def test_ids_come_in_the_order_of_the_texts(mill: Mill) -> None:
    texts = [f"text {number}" for number in range(50)]
    with Publisher(mill.settings) as publisher:
        ids = publisher.publish(iter(texts), bulk=True)
    (jobs,) = mill.read(50).values()
    assert {job.job_id: job.text for job in jobs} == dict(zip(ids, texts, strict=True))


def test_every_field_travels(mill: Mill) -> None:
    fields: dict[str, Any] = {
        "job_id": "review-17",
        "lang": "en",
        "model": "topic-en@3",
        "context": ("earlier",),
        "deadline": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        "tenant": "acme",
        "bulk_id": "b1",
        "metadata": {"page": 3},
    }
    with Publisher(mill.settings) as publisher:
        assert publisher.publish("text", [Task.TAGGING], **fields) == ["review-17"]
    assert mill.read(1) == {"textmill.jobs.tagging": [Job(text="text", **fields)]}


def test_a_stream_of_jobs_is_published_in_pieces(mill: Mill) -> None:
    jobs = [Job(job_id=str(number), text="text") for number in range(12_345)]
    with Publisher(mill.settings) as publisher:
        assert publisher.publish_jobs(iter(jobs), "summarization", bulk=True) == len(jobs)
    (found,) = mill.read(len(jobs)).values()
    assert sorted(found, key=lambda job: int(job.job_id)) == jobs


@pytest.mark.parametrize(
    ("texts", "fields", "reason"),
    [
        (["good", " "], {}, "empty_text"),
        (["good", "a\0b"], {}, "forbidden_character"),
        (["good", "\ud800"], {}, "forbidden_character"),
        (["x" * (wire.MAX_TEXT_BYTES + 1)], {}, "text_too_large"),
        (["good"], {"lang": "fr"}, "invalid_field"),
        (["good"], {"model": "No Such"}, "invalid_field"),
        (["good"], {"metadata": {"a": object()}}, "invalid_field"),
        (["good"], {"deadline": datetime(2030, 1, 1)}, "invalid_field"),  # noqa: DTZ001
    ],
)
def test_nothing_is_sent_if_anything_is_not_allowed(
    mill: Mill, texts: list[str], fields: dict[str, Any], reason: str
) -> None:
    with Publisher(mill.settings) as publisher:
        with pytest.raises(InvalidJobError) as caught:
            publisher.publish(texts, **fields)
        assert caught.value.reason == reason
        publisher.publish("after", ["sentiment"])
    assert set(mill.read(1)) == {"textmill.jobs.sentiment"}


def test_usage_errors_come_before_anything_is_sent(tmp_path: Path) -> None:
    with Publisher(data_dir=str(tmp_path)) as publisher:
        with pytest.raises(UsageError, match="classification, sentiment, summarization, tagging"):
            publisher.publish("text", ["sentiment", "translation"])
        with pytest.raises(UsageError, match="one job"):
            publisher.publish(["one", "two"], job_id="x")
    with closing(SqliteLog(Settings(data_dir=str(tmp_path)).log_path)) as log:
        assert not log.poll(0.0).gained


def test_a_missing_topic_is_said_at_once(kafka_bootstrap: str) -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=kafka_bootstrap))
    create_topics(settings, 1, 1)
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.delete_topics(["textmill.bulk.tagging"])
    admin.close()
    began = time.monotonic()
    with (
        Publisher(bootstrap_servers=kafka_bootstrap) as publisher,
        pytest.raises(UsageError, match="textmill topics create"),
    ):
        publisher.publish("text", ["tagging"], bulk=True)
    assert time.monotonic() - began < 10
    create_topics(settings, 4, 1)


def test_a_broker_that_is_away_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BOOTSTRAP_TIMEOUT_MS", 300)
    with pytest.raises(UnavailableError, match="TEXTMILL_KAFKA__BOOTSTRAP_SERVERS"):
        Publisher(bootstrap_servers="127.0.0.1:1")


def test_the_environment_says_where_the_log_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_DATA_DIR", str(tmp_path))
    with Publisher() as publisher:
        publisher.publish("text")
    assert Settings(data_dir=str(tmp_path)).log_path.exists()
    monkeypatch.setenv("TEXTMILL_KAFKA__BOOTSTRAP_SERVERS", "kafka.example:9092")
    with pytest.raises(SettingsError, match="ALLOW_PLAINTEXT"):
        Publisher()
