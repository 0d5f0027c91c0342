"""Indexes of names keep short lists of what is not sorted in: each search reads them through."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXES = ("ix_result_names", "ix_entity_name_characters")
KIB = 64
"""The least that PostgreSQL takes; its default is 4 MiB."""


def upgrade() -> None:
    """Set the limit; what waits beyond it is sorted in with the next row."""
    alter(f"SET (gin_pending_list_limit = {KIB})")


def downgrade() -> None:
    """PostgreSQL's default again."""
    alter("RESET (gin_pending_list_limit)")


def alter(what: str) -> None:
    """The indexes; SQLite has none such."""
    if op.get_bind().dialect.name == "postgresql":
        for index in INDEXES:
            op.execute(f"ALTER INDEX {index} {what}")
