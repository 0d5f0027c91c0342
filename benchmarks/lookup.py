"""How quick look-ups are among many rows, and what their indexes cost those who write.

    python -m benchmarks.lookup [--rows 10000000] [--json] [--out DIR]

On a PostgreSQL of its own, with a quarter of the memory for its buffers (8 GiB at most). Rows are
made up by the server (`benchmarks.made_up`): a second apart, one task with three labels and one
with two names a text, 800,000 names at most, half of them Chinese, as frequent as words are (Zipf).
Look-ups are those of `textmill results`, a hundred of each, of names taken evenly from all
different ones: median, ninth tenth and worst, in milliseconds of the server (planning and running
of all statements) and as the client sees them. Then batches of 256 new rows of both tasks are
written as a worker does, and again once the table has its keys alone, without the dictionary.

Aims, for the server's median: 1 ms by job id, 20 ms for the others; 15 % of the rows a second for
the indexes. Ends with 1 where one is missed.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from sqlalchemy import Engine

from benchmarks import lookup_times, made_up, options, write_cost
from benchmarks.lookup_times import Took
from benchmarks.report import finish, say
from benchmarks.write_cost import Rates
from deploy.services import PostgresService
from workers.sql.engine import open_engine
from workers.sql.upgrade import upgrade

MOST_BUFFERS_MIB: Final = 8192
AIMS_MS: Final = {"job_id": 1.0}
AIM_MS: Final = 20.0
AIM_LOSS: Final = 0.15
PLANNING_TOO: Final = "options=-c%20pg_stat_statements.track_planning%3Don"


def main(
    rows: Annotated[int, typer.Option(min=1000, help="Rows to look up in.")] = 10_000_000,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure look-ups."""
    with database() as engine:
        names = made_up.fill(engine, rows)
        say(f"looking up in {rows:,} rows with {names:,} names")
        times = lookup_times.measure(engine, rows)
        say("writing with all indexes, then with keys alone")
        written = write_cost.measure(engine)
    found = report(rows, names, times, written)
    finish(found, as_json, out)
    if not all(one["met"] for one in (*found["lookups"].values(), found["writes"])):
        sys.exit(1)


def report(
    rows: int, names: int, times: dict[str, list[Took]], written: dict[str, Rates]
) -> dict[str, Any]:
    """What was found, with the aims beside.

    Args:
        rows: in the table.
        names: different ones.
        times: of each look-up, by kind.
        written: rows a second, `indexed` and with `keys` alone.
    """
    indexed, keys = written["indexed"], written["keys"]
    loss = 1 - indexed.all / keys.all
    return {
        "benchmark": "lookup",
        "rows": rows,
        "names": names,
        "lookups": {name: _of(name, taken) for name, taken in times.items()},
        "writes": {
            "indexed_rows_per_s": round(indexed.all),
            "keys_rows_per_s": round(keys.all),
            "loss": round(loss, 3),
            "loss_of_tags": round(1 - indexed.tags / keys.tags, 3),
            "aim_loss": AIM_LOSS,
            "met": loss <= AIM_LOSS,
        },
    }


def _of(name: str, taken: list[Took]) -> dict[str, Any]:
    server = sorted(one.server_ms for one in taken)
    client = sorted(one.client_ms for one in taken)
    middle, aim = server[len(server) // 2], AIMS_MS.get(name, AIM_MS)
    return {
        "server_ms": round(middle, 3),
        "server_p90_ms": round(server[len(server) * 9 // 10], 3),
        "server_worst_ms": round(server[-1], 3),
        "client_ms": round(client[len(client) // 2], 3),
        "client_worst_ms": round(client[-1], 3),
        "aim_ms": aim,
        "met": middle <= aim,
    }


@contextmanager
def database() -> Iterator[Engine]:
    """An empty store on a PostgreSQL that goes afterwards."""
    service = PostgresService()
    say("starting postgres")
    try:
        service.start()
        _give_memory(service)
        upgrade(service.url)
        engine = open_engine(f"{service.url}?{PLANNING_TOO}")
        yield engine
        engine.dispose()
    finally:
        service.stop()


def _give_memory(service: PostgresService) -> None:
    import psycopg

    pages = Path("/proc/meminfo").read_text().split()
    buffers = min(MOST_BUFFERS_MIB, int(pages[1]) // 1024 // 4)
    with psycopg.connect(service.dsn(), autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET shared_buffers = '{buffers}MB'")
        admin.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
        admin.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    service.kill()
    service.start()
    with psycopg.connect(service.dsn(), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION pg_stat_statements")


if __name__ == "__main__":
    options.start(main)
