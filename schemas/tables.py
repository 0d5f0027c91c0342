"""The SQL tables: what Textmill keeps, with the same meaning on PostgreSQL and on SQLite.

    model ─< model_version ─< result          what was answered, and by what
                  ├─< route                   which version answers what by default
                  └─< cost_profile            what its batches cost on a kind of device
    partition_claim                           who may settle records, and how far each partition is
    ending ─ dead_letter                      records that ended without a result

A *record* is (topic_id, partition, record_offset); it stands in `result` or in `ending`, never in
both. A *job* is (tenant, job_id, task, run); it has one `result` at most. The views for people
(`classification`, `sentiment`, `summarization`, `tagging`, `tag_span`) are made by the migrations.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine


def utc_text(moment: datetime) -> str:
    """A moment as SQLite keeps it: ISO 8601, UTC, of one length, so that text order is time order.

    The blank between date and time makes it comparable with SQL's `CURRENT_TIMESTAMP`.
    """
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. `timestamptz` on PostgreSQL, text on SQLite; always aware and UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database has no type for it."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses a naive datetime: nobody knows what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the store")
        return utc_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


Document = JSON().with_variant(JSONB(), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers only INTEGER keys itself

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

model = Table(
    "model",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("task", String(20), nullable=False),
)

model_version = Table(
    "model_version",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("model", ForeignKey("model.name"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("manifest", Document, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("model", "version"),
)

route = Table(
    "route",
    metadata,
    Column("task", String(20), primary_key=True),
    Column("lang", String(2), primary_key=True),
    Column("model_version_id", ForeignKey("model_version.id"), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

cost_profile = Table(
    "cost_profile",
    metadata,
    Column("model_version_id", ForeignKey("model_version.id"), primary_key=True),
    Column("device_kind", String(40), primary_key=True),
    Column("call_s", Float(53), nullable=False, comment="seconds of a call"),
    Column("token_s", Float(53), nullable=False, comment="seconds of a padded token"),
    Column("pair_s", Float(53), nullable=False, comment="seconds of a pair of tokens"),
    Column("batches", BigInteger, nullable=False, comment="learnt from; 0: the warm-up alone"),
    Column("updated_at", UtcDateTime, nullable=False),
)

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
    Column("model_version_id", ForeignKey("model_version.id"), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("label", Text),
    Column("score", Float(53)),
    Column("summary", Text),
    Column("output", Document, nullable=False, comment="tokens, scores, spans, truncated"),
    Column("payload_digest", LargeBinary(16), nullable=False),
    Column("bulk_id", String(200)),
    Column("metadata", Document, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("latency_ms", BigInteger, nullable=False, comment="created_at - published_at"),
    Column("compute_ms", Float(53), nullable=False, comment="this row's share of its batch"),
    CheckConstraint("length(tenant) BETWEEN 1 AND 100", name="tenant"),
    CheckConstraint("length(job_id) BETWEEN 1 AND 200", name="job_id"),
    CheckConstraint("score BETWEEN 0 AND 1", name="score"),
    CheckConstraint("record_offset >= 0", name="record_offset"),
    UniqueConstraint("topic_id", "partition", "record_offset"),
    Index(None, "task", "created_at"),
)
Index(
    "ix_result_bulk_id",
    result.c.bulk_id,
    result.c.task,
    postgresql_where=text("bulk_id IS NOT NULL"),
    sqlite_where=text("bulk_id IS NOT NULL"),
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
Index(
    "ix_ending_bulk_id",
    ending.c.bulk_id,
    postgresql_where=text("bulk_id IS NOT NULL"),
    sqlite_where=text("bulk_id IS NOT NULL"),
)
Index(
    "ix_dead_letter_unpublished",
    dead_letter.c.id,
    postgresql_where=text("published_at IS NULL"),
    sqlite_where=text("published_at IS NULL"),
)
