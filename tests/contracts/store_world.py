"""A store with one live model version, one partition claimed, and short words to make work."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, select, text

from schemas.batch import Batch, BatchItem
from schemas.job import Job
from schemas.model_version import Manifest
from schemas.prediction import Prediction, Span
from schemas.record import Ending, Partition, Terminal
from schemas.tables import dead_letter, ending, entity_name, partition_claim, result
from schemas.task import Task
from schemas.topics import interactive
from workers.ports import Answer, ModelVersion, Recorded
from workers.sql.ledger import SqlLedger
from workers.sql.registry import SqlRegistry
from workers.sql.results import SqlResults

BUILD = "litert-int8"
"""What gives all answers here."""
PUBLISHED_AT = 1_750_000_000.25
SENTIMENT = Prediction(
    tokens=7, label="positive", score=0.75, scores={"positive": 0.75, "negative": 0.25}
)
SUMMARY = Prediction(tokens=90, summary="Short.", score=0.5, truncated=True)
TAGS = Prediction(
    tokens=4,
    spans=(
        Span(start=0, end=4, label="ORG", text="Acme", score=0.9),
        Span(start=8, end=14, label="LOC", text="北京 \U0001f600"),
    ),
)


def partition(number: int = 0, task: Task = Task.SENTIMENT) -> Partition:
    """A partition of the task's topic."""
    return Partition(f"{list(Task).index(task) + 1:032x}", number, interactive(task))


def manifest(name: str = "mood", task: Task | None = Task.SENTIMENT, **fields: Any) -> Manifest:
    """What a version says of itself."""
    return Manifest(
        name=name,
        task=task,
        languages=("zh", "en"),
        labels=("negative", "positive"),
        max_length=128,
        architecture={"encoder": "textcnn"},
        files={},
        **fields,
    )


class World:
    """The three ports over one engine, and what stands in the tables."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ledger = SqlLedger(engine)
        self.results = SqlResults(engine)
        self.registry = SqlRegistry(engine)
        self.version: ModelVersion = self.registry.register(manifest(), "a" * 64, Path("/m/1"))
        self.p = partition()
        self.epoch = self.ledger.claim(self.p, "first").epoch

    def item(self, offset: int, job_id: str | None = None, **fields: Any) -> BatchItem:
        """An item of the claimed partition; `fields` are the item's or the job's."""
        of_item = {
            name: fields.pop(name, default)
            for name, default in {
                "partition": self.p,
                "epoch": self.epoch,
                "lang": "en",
                "task": Task.SENTIMENT,
                "run": 0,
                "published_at": PUBLISHED_AT,
                "arm": "live",
            }.items()
        }
        job = Job(**{"job_id": job_id or f"job-{offset}", "text": "A fine day", **fields})
        return BatchItem(offset=offset, job=job, **of_item)

    def answer(
        self, offset: int, job_id: str | None = None, *, said: Prediction = SENTIMENT, **fields: Any
    ) -> Answer:
        """An item with its prediction."""
        return Answer(self.item(offset, job_id, **fields), said, BUILD)

    def ending(
        self,
        offset: int,
        state: Terminal = Terminal.INVALID,
        reason: str = "not_json",
        **fields: Any,
    ) -> Ending:
        """The end of a record of the claimed partition."""
        given = {"partition": self.p, "epoch": self.epoch, **fields}
        return Ending(offset=offset, state=state, reason=reason, **given)

    def record(
        self,
        *answers: Answer,
        endings: Sequence[Ending] = (),
        version: ModelVersion | None = None,
        attempt: int = 1,
        writer: SqlResults | None = None,
    ) -> Recorded:
        """Keep these as one batch."""
        version = version or self.version
        batch = Batch(
            batch_id="batch-1",
            attempt=attempt,
            reply_to="d",
            version_id=version.version_id,
            digest=version.digest,
            items=tuple(answer.item for answer in answers),
        )
        return (writer or self.results).record(batch, answers, endings, 0.5)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query returns."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def answered(self) -> dict[int, str]:
        """Offset and job of every result."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(result.c.record_offset, result.c.job_id)).all()
        return {offset: job_id for offset, job_id in rows}

    def ended(self) -> dict[int, tuple[str, str]]:
        """Offset, state and reason of every ending."""
        with self.engine.connect() as connection:
            columns = ending.c.record_offset, ending.c.state, ending.c.reason
            rows = connection.execute(select(*columns)).all()
        return {offset: (state, reason) for offset, state, reason in rows}

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of the tables that the protocol writes, to compare before and after."""
        with self.engine.connect() as connection:
            return {
                table.name: sorted(
                    (tuple(map(str, row)) for row in connection.execute(select(table))),
                )
                for table in (result, entity_name, ending, dead_letter, partition_claim)
            }

    def letters(self) -> list[tuple[int, dict[str, Any]]]:
        """The dead letters that wait to be published."""
        waiting = self.ledger.dead_letters_to_publish(100)
        return [(number, msgspec.json.decode(letter)) for number, letter in waiting]


def offsets(pairs: Sequence[tuple[Partition, int]]) -> list[int]:
    """The offsets of records, in order."""
    return sorted(offset for _, offset in pairs)
