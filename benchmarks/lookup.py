"""Looking up a job by its id among few and among many rows.

The rows are copies of one that Textmill wrote, made up by PostgreSQL itself under other ids. The
look-up is the one of `textmill results get`, with and without a tenant.
"""

import random
import time
from typing import Any, Final

from sqlalchemy import text

from benchmarks.answers import job_id
from benchmarks.report import ratio, say
from benchmarks.rig import Rig
from schemas.tables import result

FEW: Final = 10_000
CHUNK: Final = 500_000
LOOKUPS: Final = 300
_RUN = "lookup"
_MADE_UP = {"job_id": "'lookup-' || n", "record_offset": "1000000000000 + n", "bulk_id": "NULL"}


def compare_lookups(where: Rig, rows: int) -> dict[str, Any]:
    """Milliseconds of a look-up with ten thousand rows made up, and with `rows`."""
    found: dict[str, Any] = {}
    made = 0
    for wanted in (min(FEW, rows), rows):
        _make_up(where, made, wanted)
        made = wanted
        say(f"looking up in {wanted:,} rows")
        found[f"{wanted}"] = {
            "job_id_ms": _median_ms(where, wanted, None),
            "tenant_and_job_id_ms": _median_ms(where, wanted, "default"),
        }
    few, many = found[str(min(FEW, rows))], found[str(rows)]
    ratios = {f"x_{name.removesuffix('_ms')}": ratio(many[name], few[name]) for name in few}
    return found | ratios


def _make_up(where: Rig, made: int, wanted: int) -> None:
    columns = [column.name for column in result.columns]
    quoted = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(_MADE_UP.get(name, f'one."{name}"') for name in columns)
    insert = text(
        f"INSERT INTO result ({quoted}) SELECT {values} "
        "FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n, "
        "(SELECT * FROM result WHERE bulk_id IS NOT NULL LIMIT 1) AS one"
    )
    for first in range(made, wanted, CHUNK):
        say(f"making up rows: {first:,} of {wanted:,}")
        with where.engine.begin() as connection:
            last = min(first + CHUNK, wanted) - 1
            connection.execute(insert, {"first": first, "last": last})
    with where.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE result"))


def _median_ms(where: Rig, rows: int, tenant: str | None) -> float:
    from workers.sql.lookup import find_job

    rng, taken = random.Random(1), []
    for _ in range(LOOKUPS):
        identity = job_id(_RUN, rng.randrange(rows))
        began = time.perf_counter()
        answers, _endings = find_job(where.engine, identity, tenant)
        taken.append(time.perf_counter() - began)
        assert len(answers) == 1, identity
    return round(sorted(taken)[len(taken) // 2] * 1000, 3)
