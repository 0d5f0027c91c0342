"""Texts of bulk jobs that later jobs may ask for, and the answers that rows have of earlier jobs."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables, and count what pieces have of earlier jobs."""
    count = sa.Column(
        "reused_earlier",
        sa.BigInteger(),
        nullable=False,
        server_default=sa.text("0"),
        comment="rows that have the answer of an earlier job",
    )
    op.add_column("bulk_chunk", count)
    op.create_table(
        "bulk_text",
        *row_of("bulk_text"),
        sa.Column("text", sa.LargeBinary(16), nullable=False, comment="digest of tenant and text"),
        sa.PrimaryKeyConstraint("bulk_id", "row", name="pk_bulk_text"),
    )
    op.create_index("ix_bulk_text_text", "bulk_text", ["text"])
    op.create_table(
        "bulk_earlier",
        *row_of("bulk_earlier"),
        sa.Column("job_id", sa.String(200), nullable=False, comment="whose answer the row has"),
        sa.PrimaryKeyConstraint("bulk_id", "row", name="pk_bulk_earlier"),
    )


def row_of(table: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """A row of a bulk job's input."""
    reference = sa.ForeignKey("bulk.bulk_id", name=f"fk_{table}_bulk_id_bulk", ondelete="CASCADE")
    return (
        sa.Column("bulk_id", sa.String(32), reference, primary_key=True),
        sa.Column("row", sa.BigInteger(), primary_key=True, autoincrement=False),
    )
