"""What batches of a version cost on a kind of device."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make cost_profile."""
    op.create_table(
        "cost_profile",
        sa.Column(
            "model_version_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey(
                "model_version.id", name="fk_cost_profile_model_version_id_model_version"
            ),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("device_kind", sa.String(40), primary_key=True),
        sa.Column("call_s", sa.Float(53), nullable=False, comment="seconds of a call"),
        sa.Column("token_s", sa.Float(53), nullable=False, comment="seconds of a padded token"),
        sa.Column("pair_s", sa.Float(53), nullable=False, comment="seconds of a pair of tokens"),
        sa.Column(
            "batches", sa.BigInteger(), nullable=False, comment="learnt from; 0: the warm-up alone"
        ),
        sa.Column("updated_at", timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("model_version_id", "device_kind", name="pk_cost_profile"),
    )


def timestamp() -> Any:
    """timestamptz; on SQLite ISO 8601 text in UTC."""
    return sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
