"""The first tables: models, results, the protocol's ledger."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def moment(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column[Any]:
    """timestamptz; on SQLite ISO 8601 text in UTC."""
    kind = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
    return sa.Column(name, kind, nullable=nullable, comment=comment)


def document(name: str, comment: str | None = None) -> sa.Column[Any]:
    """JSON."""
    kind = sa.JSON().with_variant(JSONB(), "postgresql")
    return sa.Column(name, kind, nullable=False, comment=comment)


def serial() -> Any:
    """A number that the database gives."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def record(*, key: bool = False) -> list[sa.Column[Any]]:
    """The coordinates of a record."""
    options: dict[str, Any] = {"primary_key": True, "autoincrement": False} if key else {}
    return [
        sa.Column("topic_id", sa.String(32), nullable=False, **options),
        sa.Column("partition", sa.Integer(), nullable=False, **options),
        sa.Column("record_offset", sa.BigInteger(), nullable=False, **options),
        sa.Column("topic", sa.Text(), nullable=False),
    ]


def upgrade() -> None:
    """Make all tables, then the views over them."""
    create_registry()
    create_result()
    create_ledger()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for view in (*answers_views(sqlite=sqlite), span_view(sqlite=sqlite)):
        op.execute(view)


def create_registry() -> None:
    """model, model_version, route."""
    op.create_table(
        "model",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("task", sa.String(20), nullable=False),
    )
    op.create_table(
        "model_version",
        sa.Column("id", serial(), primary_key=True),
        sa.Column("model", sa.String(63), sa.ForeignKey("model.name"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(20), nullable=False),
        document("manifest"),
        sa.Column("path", sa.Text(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("model", "version"),
    )
    op.create_table(
        "route",
        sa.Column("task", sa.String(20), primary_key=True),
        sa.Column("lang", sa.String(2), primary_key=True),
        sa.Column("model_version_id", serial(), sa.ForeignKey("model_version.id"), nullable=False),
        moment("updated_at"),
    )


def create_result() -> None:
    """The answers."""
    op.create_table(
        "result",
        sa.Column("tenant", sa.String(100), primary_key=True),
        sa.Column("job_id", sa.String(200), primary_key=True),
        sa.Column("task", sa.String(20), primary_key=True),
        sa.Column(
            "run", sa.Integer(), primary_key=True, comment="0, or the number of a wanted re-run"
        ),
        *record(),
        sa.Column("model_version_id", serial(), sa.ForeignKey("model_version.id"), nullable=False),
        sa.Column("lang", sa.String(2), nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("score", sa.Float(53)),
        sa.Column("summary", sa.Text()),
        document("output", "tokens, scores, spans, truncated"),
        sa.Column("payload_digest", sa.LargeBinary(16), nullable=False),
        sa.Column("bulk_id", sa.String(200)),
        document("metadata"),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        moment("published_at"),
        moment("created_at"),
        sa.Column(
            "latency_ms", sa.BigInteger(), nullable=False, comment="created_at - published_at"
        ),
        sa.Column(
            "compute_ms", sa.Float(53), nullable=False, comment="this row's share of its batch"
        ),
        sa.CheckConstraint("length(tenant) BETWEEN 1 AND 100", name="tenant"),
        sa.CheckConstraint("length(job_id) BETWEEN 1 AND 200", name="job_id"),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name="score"),
        sa.CheckConstraint("record_offset >= 0", name="record_offset"),
        sa.UniqueConstraint("topic_id", "partition", "record_offset"),
    )
    op.create_index("ix_result_task_created_at", "result", ["task", "created_at"])
    partial_index("ix_result_bulk_id", "result", ["bulk_id", "task"], "bulk_id IS NOT NULL")


def create_ledger() -> None:
    """partition_claim, ending, dead_letter."""
    op.create_table(
        "partition_claim",
        sa.Column("topic_id", sa.String(32), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False, comment="only the latest may settle records"
        ),
        sa.Column("next_offset", sa.BigInteger(), comment="everything below has a terminal state"),
        sa.Column("owner", sa.Text(), nullable=False),
        moment("claimed_at"),
    )
    create_endings()


def create_endings() -> None:
    """ending, dead_letter."""
    op.create_table(
        "ending",
        *record(key=True),
        sa.Column("state", sa.String(20), nullable=False, comment="how it ended; never DONE"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), comment="null: the record was not understood"),
        sa.Column("job_id", sa.Text()),
        sa.Column("task", sa.String(20)),
        sa.Column("bulk_id", sa.Text()),
        moment("created_at"),
        sa.CheckConstraint("state <> 'DONE'", name="state"),
    )
    op.create_index("ix_ending_job_id", "ending", ["job_id"])
    op.create_index("ix_ending_created_at", "ending", ["created_at"])
    partial_index("ix_ending_bulk_id", "ending", ["bulk_id"], "bulk_id IS NOT NULL")
    coordinates = ["topic_id", "partition", "record_offset"]
    op.create_table(
        "dead_letter",
        sa.Column("id", serial(), primary_key=True),
        *record(),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "raw",
            sa.LargeBinary(),
            nullable=False,
            comment="the first 64 KiB of the record's value",
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes of the whole value"),
        moment("created_at"),
        moment("published_at", nullable=True, comment="null: not yet on the dead-letter topic"),
        sa.UniqueConstraint(*coordinates),
        sa.ForeignKeyConstraint(
            coordinates, [f"ending.{name}" for name in coordinates], ondelete="CASCADE"
        ),
    )
    partial_index("ix_dead_letter_unpublished", "dead_letter", ["id"], "published_at IS NULL")


def partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    """An index of some of the rows."""
    where = sa.text(condition)
    op.create_index(name, table, columns, postgresql_where=where, sqlite_where=where)


def answers_views(*, sqlite: bool) -> list[str]:
    """One view a task, with the columns of an answer that people read."""
    scores = part("scores", sqlite=sqlite)
    spans = part("spans", sqlite=sqlite)
    answers = {
        "classification": f"r.label, r.score, {scores}",
        "sentiment": f"r.label, r.score, {scores}",
        "summarization": "r.summary, r.score",
        "tagging": f"{spans}, r.score",
    }
    return [
        f"""
        CREATE VIEW {task} AS
        SELECT r.job_id, r.tenant, r.lang, {answer}, v.model, v.version, r.created_at,
               r.latency_ms, r.metadata, r.bulk_id, r.run
        FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id
        WHERE r.task = '{task}'
        """  # noqa: S608 - names of this file only
        for task, answer in answers.items()
    ]


def part(name: str, *, sqlite: bool) -> str:
    """A member of `output` under its own name."""
    json = f"json_extract(r.output, '$.{name}')" if sqlite else f"r.output -> '{name}'"
    return f"{json} AS {name}"


def span_view(*, sqlite: bool) -> str:
    """One row for each tagged stretch of a text."""
    members = {"start": "integer", "end": "integer", "label": "text", "text": "text"}
    source = "json_each(r.output, '$.spans')"
    columns = [f"json_extract(s.value, '$.{name}') AS span_{name}" for name in members]
    if not sqlite:
        source = "jsonb_array_elements(r.output -> 'spans')"
        columns = [
            f"CAST(s.value ->> '{name}' AS {kind}) AS span_{name}" for name, kind in members.items()
        ]
    return f"""
        CREATE VIEW tag_span AS
        SELECT r.job_id, r.tenant, r.lang, {", ".join(columns)}, v.model, v.version,
               r.created_at, r.bulk_id, r.run
        FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id
             CROSS JOIN {source} AS s
        WHERE r.task = 'tagging'
    """  # noqa: S608 - names of this file only
