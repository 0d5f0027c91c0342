"""The tables of bulk jobs: what was asked, how far it is submitted, which rows are no documents."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from schemas.columns import Document, UtcDateTime, metadata, version_column

bulk = Table(
    "bulk",
    metadata,
    Column("bulk_id", String(32), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("tenant", String(100), nullable=False),
    Column(
        "request",
        Document,
        nullable=False,
        comment="files, tasks and columns, as asked for",
    ),
    Column("columns", Document, nullable=False, comment="names and kinds of the input's columns"),
    Column("state", String(20), nullable=False, comment="active, paused or cancelled"),
    Column("priority", SmallInteger, nullable=False, comment="1 high, 0, -1 low"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("submitted_at", UtcDateTime, comment="null: not all of it is"),
    Column("changed_at", UtcDateTime, nullable=False),
    CheckConstraint("state IN ('active', 'paused', 'cancelled')", name="state"),
)

bulk_chunk = Table(
    "bulk_chunk",
    metadata,
    Column("bulk_id", ForeignKey("bulk.bulk_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False, comment="of the input, whatever became of them"),
    Column("documents", BigInteger, nullable=False, comment="published for each task"),
    Column("bad", BigInteger, nullable=False, comment="rows that are no documents"),
    Column("left_out", BigInteger, nullable=False, comment="by --where"),
    Column("tokens", BigInteger, nullable=False, comment="of the documents, estimated"),
    Column(
        "reused", Document, nullable=False, comment="row and the row before it whose answer it has"
    ),
    Column(
        "reused_earlier",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="rows that have the answer of an earlier job",
    ),
)

bulk_text = Table(
    "bulk_text",
    metadata,
    Column("bulk_id", String(32), primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("text", LargeBinary(16), nullable=False, comment="digest of tenant and text"),
    Index(None, "text", postgresql_using="hash"),
)
"""Texts of the documents of a job with `--reuse all`, there before these are published. No foreign
key here: checking it would take longer than the row does."""

bulk_earlier = Table(
    "bulk_earlier",
    metadata,
    Column("bulk_id", String(32), primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", String(200), index=True, comment="whose answer it has; NULL: erased since"),
)
"""The rows of such a job that are not published, since an earlier job has their answer: that stays
as long as they do."""

bulk_error = Table(
    "bulk_error",
    metadata,
    Column("bulk_id", ForeignKey("bulk.bulk_id", ondelete="CASCADE"), primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("file", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

bulk_flight = Table(
    "bulk_flight",
    metadata,
    Column("bulk_id", String(200), primary_key=True),
    Column("task", String(20), primary_key=True),
    Column("dispatcher_id", Text, primary_key=True),
    Column("running", Integer, nullable=False, comment="documents in batches at the workers"),
    Column("told_at", UtcDateTime, nullable=False, comment="by the database's clock"),
)
"""What each dispatcher said last, every second while it has some; older rows mean nothing."""

rerun = Table(
    "rerun",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False, comment="of its answers"),
    Column("bulk_id", String(32), nullable=False, unique=True),
    Column("name", String(100), nullable=False, comment="of its bulk job"),
    version_column("from_version_id"),
    version_column("to_version_id"),
    Column("pieces", Integer, nullable=False, comment="that are noted"),
    Column("place", Document, nullable=False, comment="the record after which it goes on"),
)
"""Rows stay when their bulk job leaves: a run's number is never given twice."""
