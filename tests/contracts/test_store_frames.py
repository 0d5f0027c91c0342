"""Tables of other libraries as bulk jobs, on both databases: in, answered, and out as they came."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers import bulk
from tests.contracts.bulk_bench import Bench, bench
from tests.contracts.store_fixtures import store_url, world
from workers.bulks.export import Export
from workers.bulks.job import BulkJob
from workers.output import Form, written

__all__ = ["bench", "store_url", "world"]

COLUMNS: dict[str, list[Any]] = {
    "id": [30, 10, 20],
    "text": ["a lovely day", "房间很干净", "a cold room"],
    "stars": [4.5, None, 1.0],
    "seen": [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)],
    "words": [["a", "lovely"], [], ["a"]],
}
KINDS = ["new", "old", "new"]
LABELS = ["positive", "positive", None]


def submitted(bench: Bench, table: Any, **fields: Any) -> BulkJob:
    """A job of the table, of which the first two documents are answered."""
    job = bulk.submit(table, "sentiment", id_column="id", settings=bench.settings, **fields)
    bench.answer(bench.records()[:2])
    return job


def arrow() -> pa.Table:
    kinds = pa.array(KINDS).dictionary_encode()
    return pa.table({**COLUMNS, "kind": kinds, "small": pa.array([1, 2, None], pa.int8())})


def test_an_arrow_table_comes_back_with_answers(bench: Bench) -> None:
    given = arrow()
    found = submitted(bench, given).table()

    assert isinstance(found, pa.Table)
    assert found.select(given.column_names).equals(given)
    assert found["sentiment_label"].to_pylist() == LABELS
    assert found["state"].to_pylist() == ["done", "done", "queued"]


def test_so_does_a_part_of_it(bench: Bench) -> None:
    given = arrow()
    found = submitted(bench, given, where=("id>10",)).table()

    assert found.select(given.column_names).to_pylist() == given.take([0, 2]).to_pylist()
    assert found["kind"].type == given["kind"].type
    assert found["small"].type == pa.int8()
    assert found["sentiment_label"].to_pylist() == ["positive", "positive"]


def test_a_pandas_frame_comes_back_with_answers_and_its_index(bench: Bench) -> None:
    given = pd.DataFrame({**COLUMNS, "kind": pd.Categorical(KINDS)}, index=[7, 5, 6])
    found = submitted(bench, given).pandas()

    assert isinstance(found, pd.DataFrame)
    pd.testing.assert_frame_equal(
        found[list(given.columns)].drop(columns="words"), given.drop(columns="words")
    )
    assert [list(one) for one in found["words"]] == COLUMNS["words"]
    assert found["sentiment_label"][[7, 5]].tolist() == LABELS[:2]
    assert pd.isna(found["sentiment_label"][6])


def test_a_polars_frame_comes_back_with_answers(bench: Bench) -> None:
    given = pl.DataFrame(COLUMNS).with_columns(kind=pl.Series(KINDS, dtype=pl.Categorical))
    found = submitted(bench, given).polars()

    assert isinstance(found, pl.DataFrame)
    assert found.select(given.columns).equals(given)
    assert found.schema["kind"] == pl.Categorical
    assert found["sentiment_label"].to_list() == LABELS


@pytest.mark.parametrize("table", [arrow(), pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS)])
def test_the_same_table_is_the_same_job(bench: Bench, table: Any) -> None:
    first, second = submitted(bench, table), submitted(bench, table)

    assert first.bulk_id == second.bulk_id
    assert len(bench.records()) == 3


def test_a_date_in_a_file_has_no_quotes(bench: Bench, tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "in.parquet")
    job = submitted(bench, tmp_path / "in.parquet")
    export = Export(bench.store, bench.store.bulks.find(job.name), flat=True)
    for form in (Form.CSV, Form.PARQUET):
        with written(tmp_path / f"out.{form}", form, export.columns(), over=False) as write:
            for block in export.blocks():
                write(block)

    second = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1]
    assert second.startswith('30,a lovely day,4.5,2026-01-01T12:00:00Z,"[""a"",""lovely""]",new,1,')
    found = pq.read_table(tmp_path / "out.parquet")
    assert found["seen"].type == pa.timestamp("us", tz="UTC")
