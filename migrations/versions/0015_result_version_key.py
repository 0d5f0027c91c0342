"""No foreign key from answers to versions on PostgreSQL: each row's check was a query and a lock.

Whoever inserts answers looks for their version once a statement (`workers.sql.insert`), and
whoever removes a version looks for its answers (`workers.sql.retirement`). SQLite keeps the key,
which it could lose only with a copy of the whole table.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = "fk_result_model_version_id_model_version"


def upgrade() -> None:
    """Drop it; no row is read."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(KEY, "result", type_="foreignkey")


def downgrade() -> None:
    """Make it again, which reads all rows."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_foreign_key(KEY, "result", "model_version", ["model_version_id"], ["id"])
