"""Re-runs: which there were, and views that show what stands, run 0, until one is applied."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TASKS = ("classification", "sentiment", "summarization", "tagging")
NAMES = ("label", "score", "summary")


def upgrade() -> None:
    """Make the table; let the views of answers show run 0; then the view of what changed."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "rerun",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False, comment=RUN),
        sa.Column("bulk_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False, comment="of its bulk job"),
        version("from_version_id"),
        version("to_version_id"),
        sa.Column("pieces", sa.Integer(), nullable=False, comment="that are noted"),
        sa.Column("place", document(), nullable=False, comment=PLACE),
        sa.PrimaryKeyConstraint("run", name="pk_rerun"),
        sa.UniqueConstraint("bulk_id", name="uq_rerun_bulk_id"),
    )
    for view in (*TASKS, "tag_span"):
        op.execute(f"DROP VIEW {view}")
    for task in TASKS:
        op.execute(answers_view(task, sqlite=sqlite))
    op.execute(span_view(sqlite=sqlite))
    op.execute(changes(sqlite=sqlite))


RUN = "of its answers"
PLACE = "the record after which it goes on"


def version(name: str) -> sa.Column[Any]:
    """A reference to a version."""
    key = sa.ForeignKey("model_version.id", name=f"fk_rerun_{name}_model_version")
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, key, nullable=False)


def document() -> Any:
    """JSON."""
    return sa.JSON().with_variant(JSONB(), "postgresql")


def answers_view(task: str, *, sqlite: bool) -> str:
    """The answers of a task that stand."""
    answers = {
        "summarization": "r.summary, r.score",
        "tagging": f"{part('r', 'spans', sqlite=sqlite)} AS spans, r.score",
    }
    labels = f"r.label, r.score, {part('r', 'scores', sqlite=sqlite)} AS scores"
    return f"""
        CREATE VIEW {task} AS
        SELECT r.job_id, r.tenant, r.lang, {answers.get(task, labels)}, v.model, v.version,
               r.created_at, r.latency_ms, r.metadata, r.bulk_id, r.run
        FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id
        WHERE r.task = '{task}' AND r.run = 0
    """  # noqa: S608 - names of this file only


def part(row: str, name: str, *, sqlite: bool) -> str:
    """A member of a row's `output`."""
    return f"json_extract({row}.output, '$.{name}')" if sqlite else f"({row}.output -> '{name}')"


def span_view(*, sqlite: bool) -> str:
    """One row for each tagged stretch of a text."""
    members = {"start": "integer", "end": "integer", "label": "text", "text": "text"}
    source = "json_each(r.output, '$.spans')"
    columns = [f"json_extract(s.value, '$.{name}') AS span_{name}" for name in members]
    if not sqlite:
        source = "jsonb_array_elements(r.output -> 'spans')"
        columns = [
            f"CAST(s.value ->> '{name}' AS {kind}) AS span_{name}" for name, kind in members.items()
        ]
    return f"""
        CREATE VIEW tag_span AS
        SELECT r.job_id, r.tenant, r.lang, {", ".join(columns)}, v.model, v.version,
               r.created_at, r.bulk_id, r.run
        FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id
             CROSS JOIN {source} AS s
        WHERE r.task = 'tagging' AND r.run = 0
    """  # noqa: S608 - names of this file only


def changes(*, sqlite: bool) -> str:
    """Old and new answer of each text of a re-run. Of the two rows of a job, one has its run: the
    new answer, and once that is applied the old one."""
    waiting = pair("z", "m", applied=0, sqlite=sqlite)
    applied = pair("m", "z", applied=1, sqlite=sqlite)
    return f"CREATE VIEW rerun_change AS {waiting} UNION ALL {applied}"


def pair(old: str, new: str, *, applied: int, sqlite: bool) -> str:
    """Both answers, where `m` is the row with the run and `z` the one that stands."""
    sides = ((old, ""), (new, "new_"))
    answers = [f"{row}.{name} AS {as_}{name}" for row, as_ in sides for name in NAMES]
    answers += [f"{part(row, 'spans', sqlite=sqlite)} AS {as_}spans" for row, as_ in sides]
    return f"""
        SELECT x.name, x.bulk_id, x.run, m.tenant, m.job_id, m.task, m.lang,
               v.model, v.version, w.model AS new_model, w.version AS new_version,
               {", ".join(answers)}, {applied} AS applied
        FROM rerun AS x
             JOIN result AS m ON m.bulk_id = x.bulk_id AND m.run = x.run
             JOIN result AS z ON z.job_id = m.job_id AND z.tenant = m.tenant
                  AND z.task = m.task AND z.run = 0
             JOIN model_version AS v ON v.id = x.from_version_id
             JOIN model_version AS w ON w.id = x.to_version_id
        WHERE {old}.model_version_id = x.from_version_id
          AND {new}.model_version_id = x.to_version_id
    """  # noqa: S608 - names of this file only
