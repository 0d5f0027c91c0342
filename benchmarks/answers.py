"""Rows that a run has made, and what they tell: how fast, with which labels.

Textmill's are in `result`, found by the run's name as `bulk_id`; a peer's are in a table of the
benchmark's own, `bench_answer`. Both say when their transaction began, as the database or its
client saw it.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import Engine, text

WARM_SHARE: Final = 0.1
"""Share of a run's rows that are not counted: models get warm, consumers join."""

_TABLE = """
    CREATE TABLE IF NOT EXISTS bench_answer (
        run text NOT NULL,
        job_id text NOT NULL,
        label text,
        score float8,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (run, job_id)
    )
"""


class Kept(StrEnum):
    """Where the rows of a run are."""

    RESULT = "result"
    BENCH_ANSWER = "bench_answer"


_RUN = {Kept.RESULT: "bulk_id", Kept.BENCH_ANSWER: "run"}
_BATCH = {Kept.RESULT: "batch_id", Kept.BENCH_ANSWER: "''"}
_TOKENS = {Kept.RESULT: "(output ->> 'tokens')::int", Kept.BENCH_ANSWER: "0"}
_BUILD = {Kept.RESULT: "coalesce(build, '')", Kept.BENCH_ANSWER: "''"}
_IN_BLOCKS: Final = "keras-folded"
"""`models.folding.BUILD`, whose arrays are cut in blocks; to import that takes TensorFlow."""


class Row(msgspec.Struct, frozen=True):
    """One answer."""

    number: int
    """Of the text, from 0."""
    label: str
    at: float
    """Seconds since 1970: when its transaction began."""
    batch: str
    """Batch it came in; empty for a peer's."""
    tokens: int
    """True length; 0 for a peer's."""
    build: str = ""
    """Form of the network that answered; empty for a peer's."""


class Speed(msgspec.Struct, frozen=True):
    """How fast a run was once it was warm."""

    texts_per_s: float
    texts: int
    """Counted ones."""
    begin: float
    """Seconds since 1970."""
    end: float


def make_table(engine: Engine) -> None:
    """Make the peers' table unless it exists."""
    with engine.begin() as connection:
        connection.execute(text(_TABLE))


def count(engine: Engine, kept: Kept, run: str) -> int:
    """How many rows the run has."""
    query = text(f"SELECT count(*) FROM {kept} WHERE {_RUN[kept]} = :run")
    with engine.connect() as connection:
        return int(connection.scalar(query, {"run": run}) or 0)


def rows(engine: Engine, kept: Kept, run: str) -> list[Row]:
    """All rows of the run, in order of time."""
    query = text(
        f"SELECT job_id, label, extract(epoch FROM created_at), {_BATCH[kept]}, {_TOKENS[kept]}, "
        f"{_BUILD[kept]} FROM {kept} WHERE {_RUN[kept]} = :run ORDER BY created_at"
    )
    with engine.connect() as connection:
        found = connection.execute(query, {"run": run}).all()
    return [Row(number_of(one[0]), one[1] or "", float(one[2]), *one[3:]) for one in found]


def committed(engine: Engine, kept: Kept, run: str, prefix: str) -> dict[int, float]:
    """When each row became visible, in seconds since 1970, by number.

    Args:
        engine: to a database that keeps commit times.
        kept: where the rows are.
        run: their run.
        prefix: of their job ids; others of the run are left out.
    """
    query = text(
        f"SELECT job_id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM {kept} "
        f"WHERE {_RUN[kept]} = :run AND starts_with(job_id, :prefix)"
    )
    with engine.connect() as connection:
        found = connection.execute(query, {"run": run, "prefix": prefix})
        return {number_of(job): float(at) for job, at in found}


def job_id(run: str, number: int) -> str:
    """Id of the run's text of this number."""
    return f"{run}-{number}"


def number_of(job: str) -> int:
    """The number in an id that `job_id` made."""
    return int(job.rpartition("-")[2])


def speed(times: Sequence[float], warm_share: float = WARM_SHARE) -> Speed | None:
    """Texts a second after the first share of `times`, which ascend; None where that cannot be
    told because all that is left came at one moment."""
    if not times:
        return None
    begin, end = times[int(len(times) * warm_share)], times[-1]
    counted = sum(1 for at in times if at > begin)
    if end <= begin:
        return None
    return Speed(counted / (end - begin), counted, begin, end)


def mismatches(labels: Mapping[str, Mapping[int, str]], judge: str) -> dict[str, int]:
    """How many texts each part answered with another label than `judge`, of those both answered."""
    right = labels.get(judge, {})
    return {
        name: sum(1 for number, label in found.items() if right.get(number, label) != label)
        for name, found in labels.items()
        if name != judge
    }


def padding_efficiency(found: Sequence[Row], longest: int) -> float | None:
    """Real tokens / padded tokens of a Textmill run, by the arrays its worker cuts a batch into.

    A text beyond the `longest` input is reckoned as one of that length.
    """
    from models.blocks import cut
    from models.shapes import TOKEN_BUDGET, plan, steps

    batches: dict[tuple[str, bool], list[int]] = {}
    for row in found:
        in_blocks = row.build == _IN_BLOCKS
        batches.setdefault((row.batch, in_blocks), []).append(min(row.tokens, longest))
    real = sum(map(sum, batches.values()))
    padded = sum(
        shape.padded
        for (_, in_blocks), lengths in batches.items()
        for shape in (cut if in_blocks else plan)(lengths, TOKEN_BUDGET, steps(longest))
    )
    return round(real / padded, 3) if padded else None
