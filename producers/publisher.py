"""Publish texts: each becomes one record a task, and is in the log when `publish` returns.

Everything is checked before anything is sent, by the rules of the wire format itself, so that what
was published is never refused later for its form. A job that is published again under the same id
is answered once; that is why an interrupted call may simply be repeated.
"""

import itertools
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, Self

import msgspec

from schemas import topics, wire
from schemas.errors import InvalidJobError, UsageError
from schemas.job import DEFAULT_TENANT, Job
from schemas.settings import Settings, load
from schemas.task import Task

CHUNK: Final = 5000
"""Jobs encoded and appended together when streaming."""

Encoded = list[tuple[str, bytes]]


class Writer(Protocol):
    """What a publisher needs of the log; the worker's port `LogWriter` is the same."""

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write `(key, value)` records durably; returns when the log has them all."""

    def close(self) -> None:
        """Give back connections."""


class Publisher:
    """Writes jobs to the log that the settings name; threads may share one."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        bootstrap_servers: str | None = None,
        data_dir: str | None = None,
    ) -> None:
        """Open the log.

        Args:
            settings: where the log is; None: from the environment and `textmill.toml`.
            bootstrap_servers: Kafka's `host:port`, instead of the settings'.
            data_dir: directory of the embedded log, instead of the settings'.

        Raises:
            SettingsError: a setting is unknown or has a wrong value.
            UnavailableError: the log cannot be reached or opened.
        """
        self._writer = open_writer(
            _with(load() if settings is None else settings, bootstrap_servers, data_dir)
        )

    def publish(
        self,
        text: str | Iterable[str],
        tasks: Sequence[str] = (Task.CLASSIFICATION,),
        *,
        job_id: str | None = None,
        lang: str | None = None,
        model: str | None = None,
        context: Sequence[str] = (),
        deadline: datetime | None = None,
        tenant: str = DEFAULT_TENANT,
        bulk_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        bulk: bool = False,
    ) -> list[str]:
        """Publish one text, or several, for every task; returns when the log has them all.

        Args:
            text: what the models read.
            tasks: of `classification`, `sentiment`, `summarization`, `tagging`.
            job_id: id of the one text; None: a new one for each text.
            bulk: as work that may wait behind interactive jobs.

        The other arguments are the fields of the same name of `schemas.job.Job`.

        Returns:
            The job ids, in the order of the texts; the same id for all tasks of a text.

        Raises:
            InvalidJobError: a field or a text is not allowed; nothing was sent.
            UsageError: an unknown task, or one id for several texts; nothing was sent.
            UnavailableError: the log did not confirm everything; some may be there.
        """
        wanted = [topic_of(task, bulk) for task in ([tasks] if isinstance(tasks, str) else tasks)]
        texts = [text] if isinstance(text, str) else list(text)
        if job_id is not None and len(texts) != 1:
            raise UsageError("`job_id` names one job: publish several texts without it.")
        fields = {
            "lang": lang,
            "model": model,
            "context": tuple(context),
            "deadline": deadline,
            "tenant": tenant,
            "bulk_id": bulk_id,
            "metadata": metadata or {},
        }
        jobs = [Job(job_id=job_id or uuid.uuid4().hex, text=each, **fields) for each in texts]  # type: ignore[arg-type]  # encode checks the types
        records = [encode(job) for job in jobs]
        for topic in wanted:
            self._writer.append(topic, records)
        return [job.job_id for job in jobs]

    def publish_jobs(self, jobs: Iterable[Job], task: str, bulk: bool = False) -> int:
        """Publish a stream of jobs of any length, in pieces; returns how many.

        Raises:
            InvalidJobError: a job is not allowed; those of earlier pieces were sent.
            UnavailableError: the log did not confirm everything; publish again.
        """
        topic, count, rest = topic_of(task, bulk), 0, iter(jobs)
        while records := [encode(job) for job in itertools.islice(rest, CHUNK)]:
            self._writer.append(topic, records)
            count += len(records)
        return count

    def publish_records(self, records: Encoded, task: str, bulk: bool = False) -> None:
        """Publish jobs that `encode` has checked; returns when the log has them all.

        Raises:
            UnavailableError: the log did not confirm everything; publish again.
        """
        if records:
            self._writer.append(topic_of(task, bulk), records)

    def close(self) -> None:
        """Give back connections; everything published is already safe."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_writer(settings: Settings) -> Writer:
    """The writer of the log that the settings name.

    Raises:
        UnavailableError: the log cannot be reached or opened.
    """
    if settings.kafka.bootstrap_servers:
        from producers.kafka import KafkaWriter

        return KafkaWriter(settings.kafka)
    from producers.embedded import SqliteWriter

    return SqliteWriter(settings.log_path)


def topic_of(task: str, bulk: bool) -> str:
    """The topic of a task's jobs.

    Raises:
        UsageError: no such task.
    """
    if task not in set(Task):
        raise UsageError(f"Unknown task {task!r}: the tasks are {', '.join(Task)}.")
    return topics.bulk(Task(task)) if bulk else topics.interactive(Task(task))


def encode(job: Job) -> tuple[str, bytes]:
    """Key and value of the job's record, after the checks that a reader would make.

    Raises:
        InvalidJobError: with the reason that the reader would give.
    """
    try:
        value = wire.encode(job)
    except UnicodeEncodeError:
        raise _refused("forbidden_character") from None
    except RecursionError:
        raise _refused("too_deep") from None
    except (TypeError, ValueError) as error:
        raise InvalidJobError("invalid_field", str(error)) from None
    wire.decode(value)
    return job.job_id, value


def _refused(reason: str) -> InvalidJobError:
    return InvalidJobError(reason, wire.REASONS[reason])


def _with(settings: Settings, bootstrap_servers: str | None, data_dir: str | None) -> Settings:
    if bootstrap_servers is not None:
        kafka = msgspec.structs.replace(settings.kafka, bootstrap_servers=bootstrap_servers)
        settings = msgspec.structs.replace(settings, kafka=kafka)
    if data_dir is not None:
        settings = msgspec.structs.replace(settings, data_dir=data_dir)
    return settings
