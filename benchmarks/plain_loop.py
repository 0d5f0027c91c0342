"""What one writes by hand: consume 256, predict padded to the longest, insert, commit.

    python -m benchmarks.plain_loop VERSION_DIRECTORY COUNT

The same log, model, device and database as Textmill, from the same settings. It loses and doubles
work when it dies, and knows no deadline, version or dead letter.
Prints one line of JSON: texts per second from the first commit to the last.
"""

import json
import sys
import time
from collections.abc import Iterator

from sqlalchemy import Column, Float, MetaData, String, Table, Text, insert

from benchmarks.model_loop import load
from models.live_model import LiveModel
from schemas import settings as setting
from schemas import topics
from schemas.prediction import Prediction
from schemas.task import Task
from workers.sql.engine import open_engine

BATCH = 256
table = Table(
    "plain_answer",
    MetaData(),
    Column("job_id", String(200), primary_key=True),
    Column("label", Text),
    Column("score", Float),
)


def main() -> None:
    """Answer COUNT jobs and print the rate."""
    settings, count = setting.load(), int(sys.argv[2])
    model, engine = load(sys.argv[1]), open_engine(settings.database_url)
    table.metadata.create_all(engine)
    done, began = 0, 0.0
    for jobs in _batches(settings):
        answers = predict_padded(model, [job["text"] for job in jobs])
        rows = [
            {"job_id": job["job_id"], "label": answer.label, "score": answer.score}
            for job, answer in zip(jobs, answers, strict=True)
        ]
        with engine.begin() as connection:
            connection.execute(insert(table), rows)
        done += len(jobs)
        began = began or time.perf_counter()
        if done + BATCH > count:
            break
    print(json.dumps({"rate": (done - BATCH) / (time.perf_counter() - began)}))
    engine.dispose()


def predict_padded(model: LiveModel, texts: list[str]) -> list[Prediction]:
    """One array for all, as long as the longest text."""
    parsed = model.parse_texts(texts)
    longest = max(len(one.ids) for one in parsed)
    return model.predict(model.features(parsed, longest, len(parsed)))


def _batches(settings: setting.Settings) -> Iterator[list[dict[str, str]]]:
    reader = _kafka(settings) if settings.kafka.bootstrap_servers else _sqlite(settings)
    jobs: list[dict[str, str]] = []
    for value in reader:
        jobs.append(json.loads(value))
        if len(jobs) == BATCH:
            yield jobs
            jobs = []


def _kafka(settings: setting.Settings) -> Iterator[bytes]:
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        topics.interactive(Task.SENTIMENT),
        bootstrap_servers=settings.kafka.bootstrap_servers,
        group_id="plain-loop",
        auto_offset_reset="earliest",
        max_poll_records=BATCH,
    )
    for record in consumer:
        yield record.value


def _sqlite(settings: setting.Settings) -> Iterator[bytes]:
    import sqlite3

    with sqlite3.connect(settings.log_path) as connection:
        for (value,) in connection.execute("SELECT value FROM record ORDER BY published_at, id"):
            yield value


if __name__ == "__main__":
    main()
