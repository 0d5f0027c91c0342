"""Results that wait for their topic; how much of a bulk job is at the workers."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables; drop what nothing reads."""
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "result_outbox",
        sa.Column("id", serial, nullable=False),
        sa.Column("topic_id", sa.String(32), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_result_outbox"),
        sqlite_autoincrement=True,
    )
    told_at = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
    what = "documents in batches at the workers"
    op.create_table(
        "bulk_flight",
        sa.Column("bulk_id", sa.String(200), nullable=False),
        sa.Column("task", sa.String(20), nullable=False),
        sa.Column("dispatcher_id", sa.Text(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False, comment=what),
        sa.Column("told_at", told_at, nullable=False, comment="by the database's clock"),
        sa.PrimaryKeyConstraint("bulk_id", "task", "dispatcher_id", name="pk_bulk_flight"),
    )
    op.drop_index("ix_bulk_state", "bulk")
    op.drop_column("bulk_chunk", "first_row")
