"""Texts of bulk jobs that later jobs may ask for; rows that have the answers of earlier jobs."""

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
        *row(),
        sa.Column("text", sa.LargeBinary(16), nullable=False, comment="digest of tenant and text"),
        sa.PrimaryKeyConstraint("bulk_id", "row", name="pk_bulk_text"),
    )
    op.create_index("ix_bulk_text_text", "bulk_text", ["text"], postgresql_using="hash")
    op.create_table(
        "bulk_earlier",
        *row(),
        sa.Column("job_id", sa.String(200), comment="whose answer it has; NULL: erased since"),
        sa.PrimaryKeyConstraint("bulk_id", "row", name="pk_bulk_earlier"),
    )
    op.create_index("ix_bulk_earlier_job_id", "bulk_earlier", ["job_id"])


def downgrade() -> None:
    """Forget what later jobs may ask for. Rows that had an earlier job's answer have none then."""
    op.drop_table("bulk_earlier")
    op.drop_table("bulk_text")
    op.drop_column("bulk_chunk", "reused_earlier")


def row() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """A row of a bulk job's input."""
    return (
        sa.Column("bulk_id", sa.String(32), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False, autoincrement=False),
    )
