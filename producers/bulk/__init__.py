"""Bulk jobs: files of any size in, answers joined to their rows out.

    from producers import bulk

    job = bulk.submit("reviews.parquet", ["sentiment"], text_column="body")
    table = job.wait().table()                          # Arrow
    frame = bulk.submit(frame, ["sentiment"]).wait().polars()

Reading and publishing are light, as all of `producers`; the manifest is in the SQL store, so
`submit` loads what talks to that when it is called.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from schemas.settings import Settings, load

if TYPE_CHECKING:
    from typing import Protocol

    class Job(Protocol):
        """What `submit` returns: see `workers.bulks.job.BulkJob`."""

        name: str
        bulk_id: str

        def status(self) -> Any:
            """How far it is."""

        def wait(self, seconds: float | None = None) -> "Job":
            """Return when it is done."""

        def table(self) -> Any:
            """The input's rows with their answers, as an Arrow table."""

        def pandas(self) -> Any:
            """The same as a pandas data frame."""

        def polars(self) -> Any:
            """The same as a Polars data frame."""


_STORE = "workers.bulks.job"
"""Above this package, hence by name."""


def submit(
    source: Any,
    tasks: Sequence[str] | str,
    *,
    name: str | None = None,
    where: Sequence[str] = (),
    settings: Settings | None = None,
    **fields: Any,
) -> "Job":
    """Submit a bulk job; returns when all of it is in the log.

    Args:
        source: a path, several paths, an Arrow, pandas or Polars table, or a list of mappings.
        tasks: of `classification`, `sentiment`, `summarization`, `tagging`.
        name: the job's; None: made of the request, so that the same call goes on with the same job.
        where: conditions on rows, as `--where` has them.
        settings: where log and store are; None: from the environment and `textmill.toml`.
        fields: `text_column`, `id_column`, `lang`, `model`, `tenant`, `on_error`, `reuse` ("file",
            "all" or "none"), as the options of `textmill bulk submit`.

    Raises:
        UsageError: the request cannot be; says what to write.
        DataError: a file cannot be read or has no rows.
        UnavailableError: log or store do not answer; the same call goes on.
    """
    module = importlib.import_module(_STORE)
    asked = [tasks] if isinstance(tasks, str) else list(tasks)
    job: Job = module.submit(settings or load(), source, asked, name, where, **fields)
    return job
