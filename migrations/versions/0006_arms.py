"""Arms compared: what failed names its version, and the views `arm_stats` and `arm_agreement`."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns first, then the views that read them."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    failed = "that failed; null: none did"
    add("ending", sa.Column("model_version_id", number, comment=failed))
    add("ending", sa.Column("arm", sa.String(10), comment="of the version that failed"))
    add("ending", sa.Column("lang", sa.String(2), comment="of the job"))
    add("shadow_result", sa.Column("error", sa.Text(), comment="null: it has an answer"))
    memory = "what one copy of the version takes; null: not known"
    add("cost_profile", sa.Column("memory_bytes", sa.BigInteger(), comment=memory))
    op.execute(STATS)
    op.execute(agreement(sqlite=sqlite))
    op.execute(drift(sqlite=sqlite))


def add(table: str, column: sa.Column[Any]) -> None:
    """A column that may be null."""
    op.add_column(table, column)


STATS = """
    CREATE VIEW arm_stats AS
    WITH said AS (
        SELECT task, lang, tenant, model_version_id, arm, latency_ms, compute_ms, created_at,
               0 AS failed
        FROM result WHERE run = 0
        UNION ALL
        SELECT task, lang, tenant, model_version_id, 'shadow', latency_ms, compute_ms, created_at,
               CASE WHEN error IS NULL THEN 0 ELSE 1 END
        FROM shadow_result
        UNION ALL
        SELECT task, lang, tenant, model_version_id, arm, NULL, NULL, created_at, 1
        FROM ending WHERE arm IS NOT NULL AND state = 'QUARANTINED'
    ), routed AS (
        SELECT s.task, s.lang, COALESCE(o.tenant, '') AS tenant, s.model_version_id, s.arm,
               s.latency_ms, s.compute_ms, s.created_at, s.failed
        FROM said AS s LEFT JOIN route AS o
             ON o.task = s.task AND o.lang = s.lang AND o.tenant = s.tenant
    ), placed AS (
        SELECT r.*,
               ROW_NUMBER() OVER (
                   PARTITION BY task, lang, tenant, model_version_id, arm, failed
                   ORDER BY latency_ms
               ) AS place,
               COUNT(*) OVER (
                   PARTITION BY task, lang, tenant, model_version_id, arm, failed
               ) AS many
        FROM routed AS r
    )
    SELECT p.task, p.lang, p.tenant, v.model, v.version, p.arm,
           COUNT(*) AS jobs,
           SUM(p.failed) AS errors,
           1.0 * SUM(p.failed) / COUNT(*) AS error_rate,
           MIN(CASE WHEN p.failed = 0 AND p.place >= 0.50 * p.many THEN p.latency_ms END) AS p50_ms,
           MIN(CASE WHEN p.failed = 0 AND p.place >= 0.99 * p.many THEN p.latency_ms END) AS p99_ms,
           AVG(CASE WHEN p.failed = 0 THEN p.compute_ms END) AS compute_ms,
           MIN(p.created_at) AS first_at,
           MAX(p.created_at) AS last_at
    FROM placed AS p JOIN model_version AS v ON v.id = p.model_version_id
    GROUP BY p.task, p.lang, p.tenant, v.model, v.version, p.arm
"""


def agreement(*, sqlite: bool) -> str:
    """The same job answered by two versions, the one that was heard and the shadow."""
    same = " AND ".join(
        f"{member('a', name, sqlite=sqlite)} = {member('b', name, sqlite=sqlite)}"
        for name in ("start", "end", "label")
    )
    heard, shadow = (f"FROM {spans(one, sqlite=sqlite)} AS {name}" for one, name in SIDES)
    return f"""
        CREATE VIEW arm_agreement AS
        WITH paired AS (
            SELECT r.task, r.lang, COALESCE(o.tenant, '') AS tenant,
                   r.model_version_id, r.arm, s.model_version_id AS shadow_version_id,
                   r.label AS label, s.label AS shadow_label,
                   r.summary AS summary, s.summary AS shadow_summary,
                   ABS(r.score - s.score) AS divergence, s.created_at,
                   (SELECT COUNT(*) {heard}) AS spans,
                   (SELECT COUNT(*) {shadow}) AS shadow_spans,
                   (SELECT COUNT(*) {heard} JOIN {spans("s", sqlite=sqlite)} AS b ON {same})
                       AS same_spans
            FROM shadow_result AS s
                 JOIN result AS r ON r.topic_id = s.topic_id AND r.partition = s.partition
                      AND r.record_offset = s.record_offset
                 LEFT JOIN route AS o
                      ON o.task = r.task AND o.lang = r.lang AND o.tenant = r.tenant
            WHERE s.error IS NULL
        )
        SELECT p.task, p.lang, p.tenant, p.arm, v.model, v.version,
               w.model AS shadow_model, w.version AS shadow_version,
               COUNT(*) AS pairs,
               AVG(CASE WHEN p.label = p.shadow_label THEN 1.0
                        WHEN p.label IS NOT NULL THEN 0.0 END) AS label_agreement,
               AVG(CASE WHEN p.summary = p.shadow_summary THEN 1.0
                        WHEN p.summary IS NOT NULL THEN 0.0 END) AS summary_agreement,
               AVG(p.divergence) AS score_divergence,
               MAX(p.divergence) AS worst_score_divergence,
               CASE WHEN p.task = 'tagging' THEN
                    CASE WHEN SUM(p.spans) + SUM(p.shadow_spans) = 0 THEN 1.0
                    ELSE 2.0 * SUM(p.same_spans) / (SUM(p.spans) + SUM(p.shadow_spans)) END
               END AS tag_f1,
               MIN(p.created_at) AS first_at,
               MAX(p.created_at) AS last_at
        FROM paired AS p
             JOIN model_version AS v ON v.id = p.model_version_id
             JOIN model_version AS w ON w.id = p.shadow_version_id
        GROUP BY p.task, p.lang, p.tenant, p.arm, v.model, v.version, w.model, w.version
    """  # noqa: S608 - names of this file only


def drift(*, sqlite: bool) -> str:
    """How far the newest 1,000 answers of a version are from its first 1,000, which they must not
    overlap: the population stability index, sum (p - q) ln(p / q) over buckets, each share at least
    0.0001."""
    tokens = "json_extract(r.output, '$.tokens')" if sqlite else "(r.output ->> 'tokens')"
    length = " ".join(
        f"WHEN CAST({tokens} AS INTEGER) <= {2**n} THEN '{2**n}'" for n in range(2, 10)
    )
    tenths = " ".join(f"WHEN r.score < 0.{n} THEN '0.{n}'" for n in range(1, 10))
    features = {
        "length": f"CASE {length} ELSE 'more' END",
        "lang": "r.lang",
        "label": "r.label",
        "score": f"CASE WHEN r.score IS NULL THEN NULL {tenths} ELSE '1.0' END",
    }
    columns = "model_version_id, task, part"
    buckets = " UNION ALL ".join(
        f"SELECT {columns}, '{name}' AS feature, {value} AS bucket FROM chosen AS r"  # noqa: S608
        for name, value in features.items()
    )
    return f"""
        CREATE VIEW drift AS
        WITH placed AS (
            SELECT r.model_version_id, r.task AS task, r.lang AS lang, r.label AS label,
                   r.score AS score, r.output AS output,
                   ROW_NUMBER() OVER (
                       PARTITION BY model_version_id, task ORDER BY created_at, record_offset
                   ) AS place,
                   COUNT(*) OVER (PARTITION BY model_version_id, task) AS many
            FROM result AS r WHERE run = 0
        ), chosen AS (
            SELECT r.*, CASE WHEN place <= 1000 THEN 0 ELSE 1 END AS part
            FROM placed AS r WHERE place <= 1000 OR place > many - 1000
        ), bucketed AS ({buckets}),
        counted AS (
            SELECT model_version_id, task, feature, bucket,
                   SUM(1 - part) AS first, SUM(part) AS latest
            FROM bucketed WHERE bucket IS NOT NULL
            GROUP BY model_version_id, task, feature, bucket
        ), summed AS (
            SELECT c.*,
                   SUM(first) OVER (PARTITION BY model_version_id, task, feature) AS firsts,
                   SUM(latest) OVER (PARTITION BY model_version_id, task, feature) AS latests
            FROM counted AS c
        ), shares AS (
            SELECT s.*,
                   CASE WHEN first = 0 THEN 0.0001 ELSE 1.0 * first / firsts END AS p,
                   CASE WHEN latest = 0 THEN 0.0001 ELSE 1.0 * latest / latests END AS q
            FROM summed AS s WHERE firsts > 0 AND latests > 0
        )
        SELECT v.model, v.version, s.task, s.feature, MAX(s.firsts) AS first_answers,
               MAX(s.latests) AS latest_answers,
               CAST(SUM((s.q - s.p) * LN(s.q / s.p)) AS DOUBLE PRECISION) AS psi
        FROM shares AS s JOIN model_version AS v ON v.id = s.model_version_id
        GROUP BY v.model, v.version, s.task, s.feature
    """  # noqa: S608 - names of this file only


SIDES = (("r", "a"), ("s", "b"))


def spans(row: str, *, sqlite: bool) -> str:
    """The spans of a row's output, one a row; none where it has none."""
    if sqlite:
        return f"json_each({row}.output, '$.spans')"
    return f"jsonb_array_elements(COALESCE({row}.output -> 'spans', '[]'))"


def member(span: str, name: str, *, sqlite: bool) -> str:
    """A member of a span, as it may be compared."""
    return f"json_extract({span}.value, '$.{name}')" if sqlite else f"({span}.value ->> '{name}')"
