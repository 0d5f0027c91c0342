"""A bulk job in a program: submitted, waited for, and its rows as a table."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from producers.bulk.again import schema_of
from schemas.errors import UnavailableError, UsageError
from schemas.settings import Settings
from workers.assembly import Store
from workers.bulks.desk import hand_in, keep_table, present_workers, request_of
from workers.bulks.export import Export
from workers.bulks.status import Status, status_of
from workers.output import Form, written

LOOK_S = 0.5


class BulkJob:
    """See `producers.bulk`."""

    def __init__(self, settings: Settings, name: str, bulk_id: str) -> None:
        self.name = name
        self.bulk_id = bulk_id
        self._settings = settings

    def status(self) -> Status:
        """How far it is now.

        Raises:
            UnavailableError: the database does not answer.
        """
        with Store(self._settings) as store:
            found = store.bulks.find(self.bulk_id)
            return status_of(store, found, present_workers(self._settings))

    def wait(self, seconds: float | None = None) -> Self:
        """Return when it is done or cancelled.

        Args:
            seconds: how long to wait; None: as long as it takes.

        Raises:
            UnavailableError: it is not done by then.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while (now := self.status()).outstanding or now.state not in {"done", "cancelled"}:
            if end is not None and time.monotonic() > end:
                raise UnavailableError(
                    f"{self.name} is not done after {seconds} s: {now.outstanding} answers are "
                    "outstanding. Does a dispatcher with a worker run?"
                )
            time.sleep(LOOK_S)
        return self

    def table(self) -> Any:
        """The input's rows with their answers, flat, in the input's order, as an Arrow table."""
        import pyarrow.parquet as pq

        with tempfile.TemporaryDirectory() as directory, Store(self._settings) as store:
            path = Path(directory) / "rows.parquet"
            job = store.bulks.find(self.bulk_id)
            export = Export(store, job, flat=True)
            with written(path, Form.PARQUET, export.columns(), over=False) as write:
                for block in export.blocks():
                    write(block)
            return _noted_as(pq.read_table(path), schema_of(job.request))

    def pandas(self) -> Any:
        """The same as a pandas data frame, with the index that it had; pandas must be installed."""
        return self.table().to_pandas()

    def polars(self) -> Any:
        """The same as a Polars data frame.

        Raises:
            UsageError: Polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise UsageError("Polars is not installed: pip install polars.") from None
        return polars.from_arrow(self.table())


def submit(
    settings: Settings,
    source: Any,
    tasks: Sequence[str],
    name: str | None,
    where: Sequence[str],
    **fields: Any,
) -> BulkJob:
    """See `producers.bulk.submit`."""
    is_rows = isinstance(source, list) and bool(source) and isinstance(source[0], dict)
    if isinstance(source, str | Path):
        files = [str(source)]
    elif isinstance(source, list | tuple) and not is_rows:
        files = [str(one) for one in source]
    else:
        files = [str(keep_table(settings, source))]
    request = request_of(settings, files, tasks, where, **fields)
    begun, _ = hand_in(settings, request, name)
    return BulkJob(settings, begun.name, begun.bulk_id)


def _noted_as(table: Any, schema: Any) -> Any:
    """The table with what the input's schema notes beside its columns, as which one pandas has for
    its index."""
    return table if schema is None else table.replace_schema_metadata(schema.metadata)
