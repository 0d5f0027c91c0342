"""Drift against what a version's manifest expects, where it does; else its first answers."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the view anew."""
    op.execute("DROP VIEW drift")
    op.execute(drift(sqlite=op.get_bind().dialect.name == "sqlite"))


def drift(*, sqlite: bool) -> str:
    """How far a version's newest 1,000 answers are from those to its development set, or, where its
    manifest has none, from its first 1,000: the population stability index, sum (p - q) ln(p / q)
    over buckets, each share at least 0.0001. Buckets are those of `models.training.expected`."""
    columns = "model_version_id, task"
    bucketed = " UNION ALL ".join(
        f"SELECT {columns}, part, '{name}' AS feature, {value} AS bucket FROM chosen AS r"  # noqa: S608
        for name, value in features(sqlite=sqlite).items()
    )
    return f"""
        CREATE VIEW drift AS
        WITH base AS (
            SELECT v.id AS model_version_id, t.key AS task, f.key AS feature, b.key AS bucket,
                   CAST(b.value AS INTEGER) AS number
            FROM model_version AS v CROSS JOIN {expected(sqlite=sqlite)}
        ), known AS (
            SELECT DISTINCT {columns} FROM base
        ), placed AS (
            SELECT r.model_version_id, r.task AS task, r.lang AS lang, r.label AS label,
                   r.score AS score, r.output AS output,
                   ROW_NUMBER() OVER (
                       PARTITION BY model_version_id, task ORDER BY created_at, record_offset
                   ) AS place,
                   COUNT(*) OVER (PARTITION BY model_version_id, task) AS many
            FROM result AS r WHERE run = 0
        ), chosen AS (
            SELECT r.*, CASE WHEN k.task IS NULL AND place <= 1000 THEN 0 ELSE 1 END AS part
            FROM placed AS r LEFT JOIN known AS k
                 ON k.model_version_id = r.model_version_id AND k.task = r.task
            WHERE (k.task IS NULL AND place <= 1000) OR place > many - 1000
        ), bucketed AS ({bucketed}),
        counted AS (
            SELECT {columns}, feature, bucket, SUM(first) AS first, SUM(latest) AS latest
            FROM (
                SELECT {columns}, feature, bucket, 1 - part AS first, part AS latest
                FROM bucketed WHERE bucket IS NOT NULL
                UNION ALL
                SELECT {columns}, feature, bucket, number, 0 FROM base
            ) AS c
            GROUP BY {columns}, feature, bucket
        ), summed AS (
            SELECT c.*,
                   SUM(first) OVER (PARTITION BY {columns}, feature) AS firsts,
                   SUM(latest) OVER (PARTITION BY {columns}, feature) AS latests
            FROM counted AS c
        ), shares AS (
            SELECT s.*,
                   CASE WHEN first = 0 THEN 0.0001 ELSE 1.0 * first / firsts END AS p,
                   CASE WHEN latest = 0 THEN 0.0001 ELSE 1.0 * latest / latests END AS q
            FROM summed AS s WHERE firsts > 0 AND latests >= 100
        )
        SELECT v.model, v.version, s.task, s.feature, MAX(s.firsts) AS first_answers,
               MAX(s.latests) AS latest_answers,
               CAST(SUM((s.q - s.p) * LN(s.q / s.p)) AS DOUBLE PRECISION) AS psi,
               CASE WHEN MAX(k.task) IS NULL THEN 'first answers' ELSE 'development' END AS base
        FROM shares AS s JOIN model_version AS v ON v.id = s.model_version_id
             LEFT JOIN known AS k
                  ON k.model_version_id = s.model_version_id AND k.task = s.task
        GROUP BY v.model, v.version, s.task, s.feature
    """  # noqa: S608 - names of this file only


def features(*, sqlite: bool) -> dict[str, str]:
    """The bucket of an answer, by feature."""
    tokens = "json_extract(r.output, '$.tokens')" if sqlite else "(r.output ->> 'tokens')"
    length = " ".join(
        f"WHEN CAST({tokens} AS INTEGER) <= {2**n} THEN '{2**n}'" for n in range(2, 10)
    )
    tenths = " ".join(f"WHEN r.score < 0.{n} THEN '0.{n}'" for n in range(1, 10))
    return {
        "length": f"CASE {length} ELSE 'more' END",
        "lang": "r.lang",
        "label": "r.label",
        "score": f"CASE WHEN r.score IS NULL THEN NULL {tenths} ELSE '1.0' END",
    }


def expected(*, sqlite: bool) -> str:
    """The counts of a manifest, one a row: `t` is its task, `f` its feature, `b` its bucket."""
    if sqlite:
        return (
            "json_each(v.manifest, '$.expected') AS t CROSS JOIN json_each(t.value) AS f "
            "CROSS JOIN json_each(f.value) AS b"
        )
    return (
        "jsonb_each(COALESCE(v.manifest -> 'expected', '{}')) AS t "
        "CROSS JOIN jsonb_each(t.value) AS f CROSS JOIN jsonb_each_text(f.value) AS b"
    )
