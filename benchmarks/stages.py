"""Where a job's time went, by the moments that its row tells.

published   the producer's date of the record; before it, how late the sender was
formed      the dispatcher formed its batch
computed    the worker has its answer, and begins the transaction
committed   the row is visible
"""

from collections.abc import Mapping

from sqlalchemy import Engine, text

from benchmarks.answers import number_of
from benchmarks.open_loop import percentile

NAMES = ("published", "formed", "computed", "committed")
_QUERY = text(
    "SELECT job_id, batch_id, extract(epoch FROM published_at), extract(epoch FROM formed_at), "
    "extract(epoch FROM created_at), extract(epoch FROM pg_xact_commit_timestamp(xmin)) "
    "FROM result WHERE bulk_id = :run"
)


def stages(engine: Engine, run: str, due: Mapping[int, float]) -> dict[str, object]:
    """Median and 99th percentile, in milliseconds, of what each moment came behind the one before,
    and the mean number of the run's jobs in a batch.

    Args:
        engine: to a database that keeps commit times.
        run: whose rows.
        due: when each job was due, in seconds since 1970, by number; others are left out.
    """
    with engine.connect() as connection:
        found = connection.execute(_QUERY, {"run": run}).all()
    rows = [row for row in found if number_of(row[0]) in due]
    moments = [[due[number_of(row[0])], *map(float, row[2:])] for row in rows]
    batches = {row[1] for row in rows}
    told: dict[str, object] = {"jobs_a_batch": round(len(rows) / max(len(batches), 1), 1)}
    for place, name in enumerate(NAMES):
        behind = [(one[place + 1] - one[place]) * 1000 for one in moments]
        shares = (percentile(behind, share) for share in (0.5, 0.99))
        told[name] = [None if ms is None else round(ms, 1) for ms in shares]
    return told
