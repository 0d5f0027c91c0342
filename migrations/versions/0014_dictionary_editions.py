"""Removals of names are counted: a writer that remembers names learns by it that some have left."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SEQUENCE = "entity_name_removal"


def upgrade() -> None:
    """Make the counter; on SQLite nobody remembers names."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE SEQUENCE {SEQUENCE}")


def downgrade() -> None:
    """Count no more."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP SEQUENCE {SEQUENCE}")
