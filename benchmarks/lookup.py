"""Looking up a job, a label's first page and a name, among few and among many rows.

The rows are copies of one that Textmill wrote, made up by PostgreSQL itself under other ids, each a
second older than the one before, with a thousand labels and a million names. The look-ups are those
of `textmill results get`, with and without a tenant, and of `textmill results list`.
"""

import random
import time
from typing import Any, Final

from sqlalchemy import text

from benchmarks.answers import job_id
from benchmarks.report import ratio, say
from benchmarks.rig import Rig
from schemas.tables import result
from schemas.task import Task

FEW: Final = 10_000
CHUNK: Final = 500_000
LOOKUPS: Final = 300
_RUN = "lookup"
PAGE: Final = 50
_LABELS: Final = 1000
_NAMES: Final = 1_000_000
_MADE_UP = {
    "job_id": "'lookup-' || n",
    "record_offset": "1000000000000 + n",
    "bulk_id": "NULL",
    "label": f"'label ' || n % {_LABELS}",
    "names": f"ARRAY['name ' || n % {_NAMES}, 'common']",
    "created_at": "one.created_at - n * interval '1 second'",
}


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
            "label_page_ms": _page_ms(where, "label", "label {}", min(_LABELS, wanted)),
            "name_page_ms": _page_ms(where, "entity", "name {}", min(_NAMES, wanted)),
            "common_name_page_ms": _page_ms(where, "entity", "common", 1),
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


def _page_ms(where: Rig, filtered: str, words: str, different: int) -> float:
    """The first page of the newest answers where a filter of `Wanted` has some of these words."""
    from workers.sql.lookup import Wanted, list_answers

    with where.engine.connect() as connection:
        one = text("SELECT task FROM result WHERE job_id LIKE 'lookup-%' LIMIT 1")
        task = Task(connection.execute(one).scalar_one())
    rng, taken = random.Random(1), []
    for _ in range(LOOKUPS // 3):
        wanted = Wanted(task=task, **{filtered: words.format(rng.randrange(different))})  # type: ignore[arg-type]
        began = time.perf_counter()
        assert list_answers(where.engine, wanted, PAGE)
        taken.append(time.perf_counter() - began)
    return round(sorted(taken)[len(taken) // 2] * 1000, 3)


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
