"""Results as a stream: a plain Kafka client reads what stands in SQL, whoever was killed between.

It is off by default, and then nothing of it is to be seen.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.acceptance.conftest import STARTERS, Servers
from tests.acceptance.running import Installation

TASK = "classification"
TOPIC = f"textmill.results.{TASK}"
STREAM = {"TEXTMILL_RESULTS__STREAM": "true"}
SETTINGS = {STARTERS: "intent-en", "TEXTMILL_DISPATCH__MAX_BATCH": "32"}
JOBS = 4000
FEW = 40
SECONDS = 90

ROWS = """
SELECT r.tenant, r.job_id, r.task, r.run, r.lang, v.model, v.version, r.build, r.label, r.score,
       r.output, r.created_at, r.latency_ms, r.bulk_id, r.metadata
FROM result r JOIN model_version v ON v.id = r.model_version_id
"""


def test_each_result_is_told_though_the_dispatcher_is_killed(
    real: Installation, servers: Servers
) -> None:
    real.settings.update(SETTINGS | STREAM)
    real.run("topics", "create", "--partitions", "4")
    real.start("work")
    publish(servers.kafka.url, f"textmill.jobs.{TASK}", jobs("a", JOBS // 2))
    publish(servers.kafka.url, f"textmill.bulk.{TASK}", jobs("b", JOBS // 2, bulk_id="june"))

    for least in (JOBS // 20, JOBS // 3):
        dispatcher = real.start("dispatch")
        real.wait_for("rows", lambda least=least: answered(real) > least, SECONDS)
        dispatcher.kill()
        real.started.remove(dispatcher)
        assert answered(real) < JOBS, "it was killed too late"
    assert waiting(real) > 0, "nothing was under way"
    real.start("dispatch")
    real.wait_for("all rows", lambda: answered(real) >= JOBS, SECONDS)
    real.wait_for("an empty outbox", lambda: not waiting(real), SECONDS)

    told = read(servers.kafka.url)
    assert told.keys() == {f"{name}-{n}" for name in "ab" for n in range(JOBS // 2)}
    rows = {row.job_id: said(row) for row in real.sql(ROWS)}
    for job_id, messages in told.items():
        for message in messages:
            assert message == rows[job_id]
    assert rows["b-7"]["metadata"] == {"n": 7}
    assert rows["b-7"]["bulk_id"] == "june"


def test_off_there_is_no_trace_of_it(real: Installation, servers: Servers) -> None:
    real.settings.update(SETTINGS)
    real.start("work")
    real.start("dispatch")
    publish(servers.kafka.url, f"textmill.jobs.{TASK}", jobs("a", FEW))
    real.wait_for("rows", lambda: answered(real) == FEW, SECONDS)

    assert waiting(real) == 0
    ever = "SELECT count(*) FROM result_outbox_id_seq WHERE is_called"
    assert real.one(ever) == 0, "there was a row once"
    assert not [topic for topic in topics(servers.kafka.url) if "results" in topic]


def test_embedded_results_are_told_in_the_log(embedded: Installation) -> None:
    embedded.settings.update(SETTINGS | STREAM)
    embedded.start("serve")
    lines = "\n".join(json.dumps(job) for job in jobs("a", FEW))
    embedded.run("publish", "--task", TASK, "-", given=lines)
    embedded.wait_for("rows", lambda: answered(embedded) == FEW, SECONDS)
    embedded.wait_for("an empty outbox", lambda: not waiting(embedded), SECONDS)

    with sqlite3.connect(embedded.data / "log.sqlite3") as log:
        found = log.execute(
            "SELECT r.value FROM record r JOIN partition p ON r.id >> 40 = p.id "
            "JOIN topic t ON t.id = p.topic WHERE t.name = ?",
            (TOPIC,),
        ).fetchall()
    log.close()
    messages = [parsed(value) for (value,) in found]
    rows = [said(row) for row in embedded.sql(ROWS)]
    assert sorted(messages, key=str) == sorted(rows, key=str)


def jobs(name: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    text = "transfer {} dollars from my savings account to my checking account, please"
    return [
        {"job_id": f"{name}-{n}", "text": text.format(n), "metadata": {"n": n}, **fields}
        for n in range(count)
    ]


def publish(broker: str, topic: str, given: Sequence[dict[str, Any]]) -> None:
    """Send jobs as any Kafka client does."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=20)
    for job in given:
        producer.send(topic, key=job["job_id"].encode(), value=json.dumps(job).encode())
    producer.flush(timeout=30)
    producer.close()


def read(broker: str) -> dict[str, list[dict[str, Any]]]:
    """All messages of the topic by their key, as any Kafka client reads them."""
    from kafka import KafkaConsumer

    found = defaultdict(list)
    consumer = KafkaConsumer(
        TOPIC, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=5000
    )
    for record in consumer:
        found[record.key.decode()].append(parsed(record.value))
    consumer.close()
    return dict(found)


def topics(broker: str) -> list[str]:
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        return list(admin.list_topics())
    finally:
        admin.close()


def parsed(value: bytes) -> dict[str, Any]:
    message = json.loads(value)
    assert message.pop("v") == 1
    return {**message, "created_at": datetime.fromisoformat(message["created_at"])}


def said(row: Any) -> dict[str, Any]:
    """A row as its message says it."""
    fields = dict(row._mapping)
    output, metadata = (_json(fields.pop(name)) for name in ("output", "metadata"))
    prediction = {"label": fields.pop("label"), "score": fields.pop("score"), **output}
    created_at = fields["created_at"]
    if isinstance(created_at, str):
        created_at = datetime.fromisoformat(created_at)
    return {**fields, "prediction": prediction, "metadata": metadata, "created_at": created_at}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def answered(installation: Installation) -> int:
    return int(installation.one("SELECT count(*) FROM result"))


def waiting(installation: Installation) -> int:
    return int(installation.one("SELECT count(*) FROM result_outbox"))
