"""The SQL tables: what Textmill keeps, with the same meaning on PostgreSQL and on SQLite.

    model ─< model_version ─< result          what was answered, and by what
                  ├─< shadow_result           what another version would have answered
                  ├─< route, alias            which version answers by default; names of one's own
                  ├─< deployment              what an operator wants of a route, and how far it is
                  ├─< model_replica >─ worker what each worker has in memory
                  └─< cost_profile            what its batches cost on a kind of device
    deployment_event                          who changed what of all this, when and why
    partition_claim                           who may settle records, and how far each partition is
    ending ─ dead_letter                      records that ended without a result
    result_outbox                             results that are not on their topic yet
    entity_name                               the different names that answers have, by tenant
    bulk ─< bulk_chunk, bulk_error            files that were handed over, and how far they are
         ─< bulk_text, bulk_earlier           texts that later jobs know; answers of earlier jobs
         ── bulk_flight                       how much of them is at the workers now
         ── rerun                             what one version answered, asked of another one

A *record* is (topic_id, partition, record_offset); it stands in `result` or in `ending`, never in
both. A *job* is (tenant, job_id, task, run); it has one `result` at most; run 0 is what
stands. The views for people (`classification`, `sentiment`, `summarization`, `tagging`, `tag_span`)
are made by the migrations.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from schemas.bulk_tables import (
    bulk,
    bulk_chunk,
    bulk_earlier,
    bulk_error,
    bulk_flight,
    bulk_text,
    rerun,
)
from schemas.columns import (
    Document,
    Serial,
    UtcDateTime,
    Words,
    metadata,
    partial_index,
    utc_text,
    version_column,
)
from schemas.model_tables import (
    alias,
    cost_profile,
    deployment,
    deployment_event,
    model,
    model_replica,
    model_version,
    route,
    worker,
)

__all__ = [
    "UNDECLARED_INDEXES",
    "UNDECLARED_KEYS",
    "alias",
    "bulk",
    "bulk_chunk",
    "bulk_earlier",
    "bulk_error",
    "bulk_flight",
    "bulk_text",
    "cost_profile",
    "dead_letter",
    "deployment",
    "deployment_event",
    "ending",
    "entity_name",
    "metadata",
    "model",
    "model_replica",
    "model_version",
    "partition_claim",
    "rerun",
    "result",
    "result_outbox",
    "route",
    "shadow_result",
    "utc_text",
    "worker",
]

result = Table(
    "result",
    metadata,
    Column("tenant", String(100), primary_key=True),
    Column("job_id", String(200), primary_key=True),
    Column("task", String(20), primary_key=True),
    Column("run", Integer, primary_key=True, comment="0, or the number of a wanted re-run"),
    Column("topic_id", String(32), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("model_version_id", Serial, nullable=False),
    Column("lang", String(2), nullable=False),
    Column("label", Text),
    Column("score", Float(53)),
    Column("summary", Text),
    Column("output", Document, nullable=False, comment="tokens, scores, spans, truncated"),
    Column("payload_digest", LargeBinary(16), nullable=False),
    Column("bulk_id", String(200)),
    Column("metadata", Document, nullable=False),
    Column("names", Words, comment="texts of its spans; null: it has none"),
    Column("batch_id", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("latency_ms", BigInteger, nullable=False, comment="created_at - published_at"),
    Column("compute_ms", Float(53), nullable=False, comment="this row's share of its batch"),
    Column(
        "arm",
        String(10),
        nullable=False,
        server_default=text("'live'"),
        comment="live, canary, or named: the job asked for a model",
    ),
    Column("worker_id", Text, comment="who computed it"),
    Column("formed_at", UtcDateTime, comment="of its batch"),
    Column("build", Text, comment="form of the version's network that answered; null: not known"),
    CheckConstraint("length(tenant) BETWEEN 1 AND 100", name="tenant"),
    CheckConstraint("length(job_id) BETWEEN 1 AND 200", name="job_id"),
    CheckConstraint("score BETWEEN 0 AND 1", name="score"),
    CheckConstraint("record_offset >= 0", name="record_offset"),
    UniqueConstraint("topic_id", "partition", "record_offset"),
    PrimaryKeyConstraint("job_id", "tenant", "task", "run"),
    Index(None, "task", "created_at"),
)
"""`model_version_id` is always that of a row of `model_version`, on PostgreSQL without a foreign
key, whose check is a query and a lock for each row: the statement that inserts a batch reads
and locks the version's row (`workers.sql.insert`), and who removes a version, which only
`workers.sql.retirement` does, locks that row and then looks for answers. SQLite has the key."""
partial_index(
    "ix_result_task_label_created_at",
    result.c.task,
    result.c.label,
    result.c.created_at,
    where="label IS NOT NULL",
)
partial_index(
    "ix_result_names",
    result.c.names,
    postgresql_using="gin",
    postgresql_with={"gin_pending_list_limit": 64},  # KiB: each search reads that list through
    where="names IS NOT NULL",
)
partial_index(
    "ix_result_bulk_id",
    result.c.bulk_id,
    result.c.task,
    where="bulk_id IS NOT NULL",
)

result_outbox = Table(
    "result_outbox",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("topic_id", String(32), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Empty unless `results.stream` is set. A row names a row of `result`, by its record, since that
never changes; without a foreign key, whose check would cost each insert. No id comes twice."""

entity_name_removal = Sequence("entity_name_removal", metadata=metadata)
"""Counts on PostgreSQL when names left `entity_name`, for those who remember which are there."""
entity_name = Table(
    "entity_name",
    metadata,
    Column("tenant", String(100), primary_key=True),
    Column("name", Text, primary_key=True, comment="of a span, 500 characters at most"),
)
"""What a search for a part of a name reads. It has exactly the names of `result.names`: a row is
written with the first answer that has the name, and leaves with the last."""

UNDECLARED_INDEXES = frozenset({"ix_entity_name_characters", "ix_entity_name_part"})
"""Of the dictionary, over expressions of PostgreSQL; the second where it has trigrams."""

UNDECLARED_KEYS = frozenset({"fk_result_model_version_id_model_version"})
"""Of `result`, on SQLite alone, which would have to copy the table to be without it."""

shadow_result = Table(
    "shadow_result",
    metadata,
    Column("topic_id", String(32), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    version_column("model_version_id", key=True),
    Column("tenant", String(100), nullable=False),
    Column("job_id", String(200), nullable=False),
    Column("task", String(20), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("label", Text),
    Column("score", Float(53)),
    Column("summary", Text),
    Column("output", Document, nullable=False, comment="tokens, scores, spans, truncated"),
    Column("batch_id", Text, nullable=False),
    Column("worker_id", Text),
    Column("latency_ms", BigInteger, nullable=False),
    Column("compute_ms", Float(53), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("error", Text, comment="null: it has an answer"),
    Column("build", Text, comment="form of the version's network that answered; null: not known"),
    Index(None, "created_at"),
)

partition_claim = Table(
    "partition_claim",
    metadata,
    Column("topic_id", String(32), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False, comment="only the latest may settle records"),
    Column("next_offset", BigInteger, comment="everything below has a terminal state"),
    Column("owner", Text, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
)

ending = Table(
    "ending",
    metadata,
    Column("topic_id", String(32), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("state", String(20), nullable=False, comment="how it ended; never DONE"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("tenant", Text, comment="null: the record was not understood"),
    Column("job_id", Text),
    Column("task", String(20)),
    Column("bulk_id", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("model_version_id", Serial, comment="that failed; null: none did"),
    Column("arm", String(10), comment="of the version that failed"),
    Column("lang", String(2), comment="of the job"),
    CheckConstraint("state <> 'DONE'", name="state"),
    Index(None, "job_id"),
    Index(None, "created_at"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("topic_id", String(32), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False, comment="the first 64 KiB of the record's value"),
    Column("size", BigInteger, nullable=False, comment="bytes of the whole value"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime, comment="null: not yet on the dead-letter topic"),
    UniqueConstraint("topic_id", "partition", "record_offset"),
    ForeignKeyConstraint(
        ["topic_id", "partition", "record_offset"],
        ["ending.topic_id", "ending.partition", "ending.record_offset"],
        ondelete="CASCADE",
    ),
)
partial_index(
    "ix_ending_bulk_id",
    ending.c.bulk_id,
    where="bulk_id IS NOT NULL",
)
partial_index(
    "ix_dead_letter_unpublished",
    dead_letter.c.id,
    where="published_at IS NULL",
)
