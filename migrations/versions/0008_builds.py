"""Builds: which form of a version's network answered, in rows, views and replicas."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns first, then the views with one more column, the last."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    told = "form of the version's network that answered; null: not known"
    for table in ("result", "shadow_result"):
        op.add_column(table, sa.Column("build", sa.Text(), comment=told))
    served = "form of its network that is served; null: it is not READY"
    op.add_column("model_replica", sa.Column("build", sa.Text(), comment=served))
    for name, query in views(sqlite=sqlite).items():
        if sqlite:
            op.execute(f"DROP VIEW {name}")
            op.execute(f"CREATE VIEW {name} AS {query}")
        else:  # in place, so that what was granted on it stays granted
            op.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")


def views(*, sqlite: bool) -> dict[str, str]:
    """What people read, by the view's name."""
    scores = part("scores", sqlite=sqlite)
    spans = part("spans", sqlite=sqlite)
    answers = {
        "classification": f"r.label, r.score, {scores}",
        "sentiment": f"r.label, r.score, {scores}",
        "summarization": "r.summary, r.score",
        "tagging": f"{spans}, r.score",
    }
    tasks = {
        task: f"""
        SELECT r.job_id, r.tenant, r.lang, {answer}, v.model, v.version, r.created_at,
               r.latency_ms, r.metadata, r.bulk_id, r.run, r.build
        FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id
        WHERE r.task = '{task}' AND r.run = 0
        """  # noqa: S608 - names of this file only
        for task, answer in answers.items()
    }
    return tasks | {"tag_span": span_view(sqlite=sqlite)}


def part(name: str, *, sqlite: bool) -> str:
    """A member of `output` under its own name."""
    json = f"json_extract(r.output, '$.{name}')" if sqlite else f"r.output -> '{name}'"
    return f"{json} AS {name}"


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
        SELECT r.job_id, r.tenant, r.lang, {", ".join(columns)}, v.model, v.version,
               r.created_at, r.bulk_id, r.run, r.build
        FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id
             CROSS JOIN {source} AS s
        WHERE r.task = 'tagging' AND r.run = 0
    """  # noqa: S608 - names of this file only
