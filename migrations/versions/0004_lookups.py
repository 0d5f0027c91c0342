"""Look-ups that do not grow with the table: by job, by label and time, by a name in a text."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = "PRIMARY KEY (tenant, job_id, task, run)"
AFTER = "PRIMARY KEY (job_id, tenant, task, run)"
WHAT = "texts of its spans; null: it has none"
NAMES = """
    UPDATE result SET names = found.names FROM (
        SELECT r.job_id, r.tenant, r.task, r.run, {collected} AS names
        FROM result AS r CROSS JOIN {spans} AS s
        GROUP BY r.job_id, r.tenant, r.task, r.run
    ) AS found
    WHERE result.task = 'tagging' AND found.job_id = result.job_id
      AND found.tenant = result.tenant AND found.task = result.task AND found.run = result.run
"""


def upgrade() -> None:
    """Let result's key begin with the job; then the names, and the two indexes."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        remake_result()
    else:
        op.execute(
            f"ALTER TABLE result DROP CONSTRAINT pk_result, ADD CONSTRAINT pk_result {AFTER}"
        )
    kind = ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite")
    op.add_column("result", sa.Column("names", kind, comment=WHAT))
    op.execute(collect_names(sqlite=sqlite))
    add_index("ix_result_names", ["names"], "names IS NOT NULL", postgresql_using="gin")
    labelled = ["task", "label", "created_at"]
    add_index("ix_result_task_label_created_at", labelled, "label IS NOT NULL")


def add_index(name: str, columns: list[str], condition: str, **options: Any) -> None:
    """An index of some of the rows."""
    where = sa.text(condition)
    op.create_index(name, "result", columns, postgresql_where=where, sqlite_where=where, **options)


def collect_names(*, sqlite: bool) -> str:
    """What gives the rows that are there their names."""
    if sqlite:
        return NAMES.format(
            collected="json_group_array(DISTINCT json_extract(s.value, '$.text'))",
            spans="json_each(r.output, '$.spans')",
        )
    return NAMES.format(
        collected="array_agg(DISTINCT s.value ->> 'text')",
        spans="jsonb_array_elements(r.output -> 'spans')",
    )


def remake_result() -> None:
    """SQLite cannot change a key: the table is made anew with all that hangs on it."""
    bind = op.get_bind()
    kept = bind.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND "
        "(type = 'view' OR type = 'index' AND tbl_name = 'result')"
    ).all()
    table = bind.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'result'"
    ).scalar_one()
    assert BEFORE in table, "the key of result is not where it is expected"
    for kind, name, _ in kept:
        op.execute(f"DROP {kind} {name}")
    op.execute("ALTER TABLE result RENAME TO result_before")
    bind.exec_driver_sql(table.replace(BEFORE, AFTER))
    op.execute("INSERT INTO result SELECT * FROM result_before")
    op.drop_table("result_before")
    for _, _, sql in kept:
        bind.exec_driver_sql(sql)
