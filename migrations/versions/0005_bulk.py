"""Bulk jobs: what was asked, how far it is submitted, which rows are no documents."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
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


def number(name: str, comment: str | None = None) -> sa.Column[Any]:
    """A count."""
    return sa.Column(name, sa.BigInteger(), nullable=False, comment=comment)


def upgrade() -> None:
    """Make bulk, bulk_chunk and bulk_error."""
    op.create_table(
        "bulk",
        sa.Column("bulk_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        document("request", "files, tasks and columns, as asked for"),
        document("columns", "names and kinds of the input's columns"),
        sa.Column("state", sa.String(20), nullable=False, comment="active, paused or cancelled"),
        sa.Column("priority", sa.SmallInteger(), nullable=False, comment="1 high, 0, -1 low"),
        moment("created_at"),
        moment("submitted_at", nullable=True, comment="null: not all of it is"),
        moment("changed_at"),
        sa.PrimaryKeyConstraint("bulk_id", name="pk_bulk"),
        sa.CheckConstraint("state IN ('active', 'paused', 'cancelled')", name="state"),
    )
    op.create_index("ix_bulk_state", "bulk", ["state"])
    op.create_table(
        "bulk_chunk",
        whose("bulk_chunk"),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        number("first_row", "of the whole job, from 1"),
        number("rows", "of the input, whatever became of them"),
        number("documents", "published for each task"),
        number("bad", "rows that are no documents"),
        number("left_out", "by --where"),
        number("tokens", "of the documents, estimated"),
        document("reused", "row and the row before it whose answer it has"),
        sa.PrimaryKeyConstraint("bulk_id", "number", name="pk_bulk_chunk"),
    )
    op.create_table(
        "bulk_error",
        whose("bulk_error"),
        sa.Column("row", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("file", sa.Text(), nullable=False),
        number("line"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bulk_id", "row", name="pk_bulk_error"),
    )


def whose(table: str) -> sa.Column[Any]:
    """The job that a row belongs to."""
    reference = sa.ForeignKey("bulk.bulk_id", name=f"fk_{table}_bulk_id_bulk", ondelete="CASCADE")
    return sa.Column("bulk_id", sa.String(32), reference, primary_key=True)
