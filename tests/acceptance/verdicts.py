"""What must be true whatever was killed: the promise, read from SQL and from the log itself.

Every check reads the database as any analyst could, and Kafka as any client could.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.acceptance.corpora import Asked
from tests.acceptance.running import Installation, environment

REPOSITORY = Path(__file__).resolve().parents[2]
ALONE = "tests.acceptance.alone"
"""Run in a process of its own: it loads TensorFlow."""
NEAR = 1e-4
"""Where the two best labels lie so close, rounding may choose between them."""

WRITTEN_S = 30
"""Within this time a dispatcher has written its watermarks."""

Question = tuple[str, str, str]
"""Version directory, form of its network, text."""

Place = tuple[str, int]
"""Topic and partition."""


def rows_are_exactly(installation: Installation, records: Sequence[Asked]) -> None:
    """Each job has one row for each task it was asked under, and nothing else has any."""
    rows = Counter(
        tuple(row) for row in installation.sql("SELECT tenant, job_id, task FROM result")
    )
    wanted = {one.key for one in records}
    assert max(rows.values(), default=1) == 1
    assert rows.keys() == wanted, (
        f"{len(wanted - rows.keys())} rows are missing, {len(rows.keys() - wanted)} were not asked"
    )


def endings_are_only(
    installation: Installation, state: str, jobs: Iterable[tuple[Any, ...]]
) -> None:
    """The records that ended without a row are `(tenant, job_id, task)` in `jobs`, as `state`."""
    found = installation.sql("SELECT state, tenant, job_id, task FROM ending")
    assert Counter(tuple(row) for row in found) == Counter((state, *job) for job in jobs)


def each_record_has_one_end(installation: Installation) -> None:
    """No coordinates come twice, and all are below the watermark, without a gap.

    A dispatcher writes watermarks now and then, so the last one follows the last row.
    """
    installation.wait_for(
        "watermarks behind the last row",
        lambda: sum(watermarks(installation).values()) >= installation.settled(),
        WRITTEN_S,
    )
    assert sum(nothing_is_skipped(installation).values()) == installation.settled()


def nothing_is_skipped(installation: Installation) -> dict[Place, int]:
    """No coordinates come twice, none is left out below the watermark; returns the watermarks."""
    found: dict[Place, list[int]] = defaultdict(list)
    for table in ("result", "ending"):
        rows = installation.sql(f"SELECT topic, partition, record_offset FROM {table}")
        for topic, partition, offset in rows:
            found[topic, partition].append(offset)
    marks = watermarks(installation)
    for place, offsets in found.items():
        assert len(offsets) == len(set(offsets)), place
        assert set(range(marks[place])) <= set(offsets), place
    return marks


def watermarks(installation: Installation) -> dict[Place, int]:
    """How far each partition is done, as SQL says."""
    found = installation.sql("SELECT topic, partition, next_offset FROM partition_claim")
    return {(topic, partition): mark or 0 for topic, partition, mark in found}


def ends_of_log(broker: str) -> dict[Place, int]:
    """The offset after the last record of each partition of a job topic, as Kafka says."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    try:
        topics = [t for t in consumer.topics() if t.startswith(("textmill.jobs", "textmill.bulk"))]
        places = [TopicPartition(t, p) for t in topics for p in consumer.partitions_for_topic(t)]
        return {(tp.topic, tp.partition): end for tp, end in consumer.end_offsets(places).items()}
    finally:
        consumer.close()


def committed_offsets(broker: str, group: str) -> dict[Place, int]:
    """How far the group is, as Kafka believes."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        found = admin.list_group_offsets([group])[group]
        return {(tp.topic, tp.partition): known.offset for tp, known in found.items()}
    finally:
        admin.close()


class Compared(NamedTuple):
    """How answers lay to those given alone."""

    equal: int
    near: int
    """Another label, where the best two lie closer than `NEAR`."""
    furthest: float
    """Greatest difference between two scores."""


def labels_are_those_given_alone(
    installation: Installation, records: Sequence[Asked], known: dict[Question, Any]
) -> Compared:
    """Every row's label is what the version it names says to the text alone.

    Args:
        known: answers to questions, filled on the way and good for the next time.
    """
    texts = {one.key: one.job["text"] for one in records}
    rows = installation.sql(
        "SELECT r.tenant, r.job_id, r.task, r.label, r.score, v.path, r.build "
        "FROM result r JOIN model_version v ON v.id = r.model_version_id"
    )
    asked = [(row, (row.path, row.build, texts[row.tenant, row.job_id, row.task])) for row in rows]
    _ask(dict.fromkeys(question for _, question in asked if question not in known), known)
    near, furthest = 0, 0.0
    for row, question in asked:
        answer = known[question]
        if row.label != answer["label"]:
            assert answer["margin"] < NEAR, (row, answer)
            near += 1
        furthest = max(furthest, abs(row.score - answer["score"]))
    assert furthest < NEAR
    return Compared(len(rows) - near, near, furthest)


def _ask(questions: Iterable[Question], known: dict[Question, Any]) -> None:
    questions = list(questions)
    if not questions:
        return
    lines = [
        json.dumps({"path": path, "build": build, "text": text}) for path, build, text in questions
    ]
    done = subprocess.run(
        [sys.executable, "-m", ALONE],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment({}),
    )
    assert done.returncode == 0, done.stderr
    answers = map(json.loads, done.stdout.splitlines())
    known.update(zip(questions, answers, strict=True))


def versions_are_the_routed_ones(installation: Installation, records: Sequence[Asked]) -> None:
    """Each row names the version that its task and language lead to, and a plausible language."""
    routes = {
        (row.task, row.lang): row.model_version_id
        for row in installation.sql("SELECT task, lang, model_version_id FROM route")
    }
    rows = installation.sql("SELECT tenant, job_id, task, lang, model_version_id FROM result")
    asked = {one.key: one for one in records}
    other = 0
    for row in rows:
        assert row.model_version_id == routes[row.task, row.lang], row
        one = asked[row.tenant, row.job_id, row.task]
        assert row.lang == one.job.get("lang", row.lang), row
        other += row.lang != one.lang
    assert other < len(rows) // 100, f"{other} texts were taken for another language"


def metadata_is_kept(installation: Installation, records: Sequence[Asked]) -> None:
    """What a producer attached stands beside the answer, unchanged."""
    asked = {one.key: one.job.get("metadata", {}) for one in records}
    for row in installation.sql("SELECT tenant, job_id, task, metadata FROM result"):
        kept = row.metadata if isinstance(row.metadata, dict) else json.loads(row.metadata)
        assert kept == asked[row.tenant, row.job_id, row.task], row.job_id
