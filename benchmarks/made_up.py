"""Rows of `result` that PostgreSQL makes up itself, with names as frequent as words are.

Row n is of job `made-n`, n seconds after `BEGIN`; odd ones are tags with two names, even ones
sentiments with one of three labels. The name of rank r is drawn with a frequency of 1 / r. Names of
odd rank are Chinese, a family name of a hundred and two characters of 1,500; those of even rank are
three syllables of eighty. Indexes are made once all rows are there, which is quicker.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine, text

from benchmarks.report import say

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
LABELS: Final = ("negative", "neutral", "positive")
MOST_NAMES: Final = 800_000
_CHUNK: Final = 500_000

_VERSION: Final = """
    INSERT INTO model (name, task) VALUES ('made', 'tagging');
    INSERT INTO model_version (model, version, digest, state, manifest, path, created_at)
    VALUES ('made', 1, 'made', 'live', '{}', '/made', now())
"""
_NAMES: Final = """
    CREATE TABLE made_name AS
    SELECT rank, CASE rank % 2
        WHEN 0 THEN initcap(s[1 + h % 80] || s[1 + h / 80 % 80] || s[1 + h / 6400 % 80])
        ELSE chr(19968 + rank % 1000 / 10 * 11) || chr(20000 + h % 1500 * 11)
             || chr(20000 + h / 1500 % 1500 * 11) END AS name
    FROM (
        SELECT rank, CAST(
            CAST(rank AS bigint) * 7919 % CASE rank % 2 WHEN 0 THEN 512000 ELSE 2250000 END
            AS integer
        ) AS h
        FROM generate_series(1, CAST(:names AS integer)) AS rank
    ) AS r, (
        SELECT array_agg(begin || middle || ending) AS s
        FROM unnest(CAST('{b,d,f,g,k,l,m,n}' AS text[])) AS begin,
             unnest(CAST('{a,e,i,o,u}' AS text[])) AS middle,
             unnest(CAST('{r,n}' AS text[])) AS ending
    ) AS syllables
"""
_ROWS: Final = """
    INSERT INTO result (tenant, job_id, task, run, topic_id, partition, record_offset, topic,
        model_version_id, lang, label, score, output, payload_digest, metadata, names, batch_id,
        attempt, published_at, created_at, latency_ms, compute_ms)
    SELECT 'default', 'made-' || n, CASE n % 2 WHEN 0 THEN 'sentiment' ELSE 'tagging' END, 0,
        'made', 0, n, 'made', 1, 'en',
        CASE n % 2 WHEN 0 THEN (CAST(:labels AS text[]))[1 + n / 2 % 3] END, 0.5,
        CASE n % 2 WHEN 0 THEN jsonb_build_object('tokens', 12, 'scores',
                jsonb_build_object('positive', 0.5, 'neutral', 0.25, 'negative', 0.25))
            ELSE jsonb_build_object('tokens', 12, 'spans', jsonb_build_array(
                jsonb_build_object('start', 0, 'end', 9, 'label', 'ORG', 'text', one.name),
                jsonb_build_object('start', 12, 'end', 21, 'label', 'PER', 'text', other.name)))
        END,
        decode('00112233445566778899aabbccddeeff', 'hex'), '{}',
        CASE n % 2 WHEN 1 THEN ARRAY[one.name, other.name] END, 'made', 1,
        CAST(:begin AS timestamptz) + n * interval '1 second',
        CAST(:begin AS timestamptz) + n * interval '1 second', 1, 1
    FROM (
        SELECT n, CAST(floor(exp(random() * ln(CAST(:names AS float8)))) AS integer) AS rank,
               CAST(floor(exp(random() * ln(CAST(:names AS float8)))) AS integer) AS next_rank
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
    ) AS made JOIN made_name AS one USING (rank) JOIN made_name AS other ON other.rank = next_rank
    ORDER BY n
"""
_DICTIONARY: Final = """
    INSERT INTO entity_name (tenant, name)
    SELECT DISTINCT 'default', n.name FROM result CROSS JOIN unnest(names) AS n (name)
"""
_INDEXES: Final = text("""
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename IN ('result', 'entity_name') AND indexname LIKE 'ix%'
    ORDER BY 1
""")


def drawn(rows: int) -> int:
    """So many different names are drawn from for so many rows; a fifth more is made up."""
    return min(MOST_NAMES, rows // 10)


def fill(engine: Engine, rows: int) -> int:
    """Make up rows 0 to `rows` - 1, with their dictionary; the number of different names."""
    names = drawn(rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT setseed(0.5)"))
        for statement in _VERSION.split(";"):
            connection.exec_driver_sql(statement)
        connection.execute(text(_NAMES), {"names": names * 5 // 4})
        connection.execute(text("ALTER TABLE made_name ADD PRIMARY KEY (rank)"))
        made_later = drop_indexes(connection)
        _insert(connection, rows, names)
        connection.execute(text(_DICTIONARY))
        say("making indexes")
        for definition in made_later:
            connection.exec_driver_sql(definition)
        for table in ("result", "entity_name", "made_name"):
            connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
            connection.execute(text(f"VACUUM ANALYZE {table}"))
        return int(connection.execute(text("SELECT count(*) FROM entity_name")).scalar_one())


def drop_indexes(connection: Connection) -> list[str]:
    """Leave the two tables their keys alone; what makes the other indexes again."""
    indexes = connection.execute(_INDEXES).all()
    for index in indexes:
        connection.exec_driver_sql(f"DROP INDEX {index.indexname}")
    return [index.indexdef for index in indexes]


def _insert(connection: Connection, rows: int, names: int) -> None:
    for first in range(0, rows, _CHUNK):
        say(f"making up rows: {first:,} of {rows:,}")
        last = min(first + _CHUNK, rows) - 1
        given = {"first": first, "last": last, "names": names, "labels": list(LABELS)}
        connection.execute(text(_ROWS), {**given, "begin": BEGIN})
