"""The dictionary of names: what a search for a part of one reads instead of all answers."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LONGEST = 500
FILL = """
    INSERT INTO entity_name (tenant, name)
    SELECT DISTINCT r.tenant, n.value FROM result AS r CROSS JOIN {names}
    WHERE r.names IS NOT NULL AND length(n.value) <= {longest}
"""
CHARACTERS = r"string_to_array(regexp_replace(lower(name), '[\x01-\x7f]', '', 'g'), NULL)"
"""A name's characters beyond ASCII: a word of one or two of them has no trigram."""


def upgrade() -> None:
    """Make the dictionary, and fill it with the names that are there.

    Its index of trigrams is made by `workers.sql.trigrams`, where PostgreSQL has the extension.
    """
    op.create_table(
        "entity_name",
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="of a span, 500 characters at most"),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_entity_name"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    names = "json_each(r.names) AS n" if sqlite else "unnest(r.names) AS n (value)"
    op.execute(FILL.format(names=names, longest=LONGEST))
    if sqlite:
        return
    index = f"CREATE INDEX ix_entity_name_characters ON entity_name USING gin ({CHARACTERS})"
    op.get_bind().exec_driver_sql(index)


def downgrade() -> None:
    """Forget the dictionary."""
    op.drop_table("entity_name")
