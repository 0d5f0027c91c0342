"""What a peer is given: the version, the topic, its run; and where the services are.

    python -m benchmarks.peers.NAME VERSION_DIRECTORY TOPIC RUN

The services are those of the settings. The run is the consumer group and the name of the rows.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from schemas import settings as setting

# One statement for any number of rows; a JSON document costs the client the least.
INSERT = """
    INSERT INTO bench_answer (run, job_id, label, score)
    SELECT %s, n.job_id, n.label, n.score
    FROM jsonb_to_recordset(%s) AS n (job_id text, label text, score float8)
    ON CONFLICT DO NOTHING
"""


_VARIABLE = "BENCH_GIVEN"


class Job(msgspec.Struct):
    """What a peer reads of a record."""

    job_id: str
    text: str


class Answer(msgspec.Struct):
    """A row to write."""

    job_id: str
    label: str
    score: float


_decode = msgspec.json.Decoder(Job).decode
_encode = msgspec.json.Encoder().encode


class Given(msgspec.Struct):
    """The three arguments."""

    version: Path
    topic: str
    run: str

    @classmethod
    def read(cls) -> "Given":
        """From the command line."""
        version, topic, run = sys.argv[1:]
        return cls(Path(version), topic, run)

    @classmethod
    def handed_down(cls) -> "Given":
        """From the process that started this one."""
        version, topic, run = os.environ[_VARIABLE].split("\n")
        return cls(Path(version), topic, run)

    def hand_down(self) -> None:
        """Let processes that are started from here find it too."""
        os.environ[_VARIABLE] = "\n".join((str(self.version), self.topic, self.run))


def settings() -> setting.Settings:
    """Where the services are."""
    return setting.load()


def postgres() -> str:
    """The database's address as libpq wants it."""
    return settings().database_url.replace("postgresql+psycopg:", "postgresql:", 1)


def consumer(given: Given, most: int) -> Any:
    """A consumer of the topic that commits only when told.

    Args:
        given: topic and group.
        most: records of one poll at most.
    """
    from kafka import KafkaConsumer

    return KafkaConsumer(
        given.topic,
        bootstrap_servers=settings().kafka.bootstrap_servers,
        group_id=given.run,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=most,
        fetch_max_wait_ms=20,
    )


def take(consumer: Any, most: int) -> list[Job]:
    """What is there, `most` jobs at most; waits for the first ones only."""
    jobs: list[Job] = []
    while len(jobs) < most:
        polled = consumer.poll(timeout_ms=0 if jobs else 500, max_records=most - len(jobs))
        if not polled:
            break
        jobs += [_decode(record.value) for records in polled.values() for record in records]
    return jobs


def decode(value: bytes) -> Job:
    """The job in a record."""
    return _decode(value)


def answers(jobs: Sequence[Job], predictions: Sequence[Any]) -> list[Answer]:
    """Rows from what the model said."""
    return [
        Answer(job.job_id, said.label, said.score)
        for job, said in zip(jobs, predictions, strict=True)
    ]


def insert(connection: Any, run: str, rows: Sequence[Answer]) -> None:
    """Insert the rows and commit."""
    connection.execute(INSERT, (run, _encode(rows).decode()))
    connection.commit()


async def insert_async(connection: Any, run: str, rows: Sequence[Answer]) -> None:
    """The same on an async connection."""
    await connection.execute(INSERT, (run, _encode(rows).decode()))
    await connection.commit()
