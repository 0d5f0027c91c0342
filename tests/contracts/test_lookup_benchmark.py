"""The benchmark of look-ups, with few rows: what it makes up is found, and all it says is there."""

import pytest
from sqlalchemy import Engine, text

from benchmarks import lookup, lookup_times, made_up, write_cost

ROWS = 6000


@pytest.mark.usefixtures("postgres_url")
def test_all_of_it_with_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_times, "REPEATS", 3)
    monkeypatch.setattr(write_cost, "BATCHES", 2)
    with lookup.database() as engine:
        check(engine)


def check(engine: Engine) -> None:
    names = made_up.fill(engine, ROWS)
    times = lookup_times.measure(engine, ROWS)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM result")).scalar() == ROWS
        rows = connection.execute(
            text("SELECT count(DISTINCT n) FROM result, unnest(names) AS n")
        ).scalar()
    assert rows == names > 200
    written = write_cost.measure(engine)
    with engine.connect() as connection:
        number = connection.execute(text("SELECT count(*) FROM result")).scalar()
        known = connection.execute(text("SELECT count(*) FROM entity_name")).scalar()
    assert number == ROWS + 2 * 2 * write_cost.SIZE
    assert known is not None
    assert known > names, "new names came with the rows"

    found = lookup.report(ROWS, names, times, written)
    assert len(found["lookups"]) == 9
    for kind in found["lookups"].values():
        assert 0 < kind["server_ms"] <= kind["server_worst_ms"] < 5000
        assert kind["server_ms"] < kind["client_ms"] <= kind["client_worst_ms"] < 5000
        assert kind["met"] is (kind["server_ms"] <= kind["aim_ms"])
    assert found["lookups"]["job_id"]["aim_ms"] == 1.0
    assert found["lookups"]["entity"]["aim_ms"] == 20.0
    rates = found["writes"]
    assert min(rates["indexed_rows_per_s"], rates["keys_rows_per_s"]) > 100
    assert rates["met"] is (rates["loss"] <= 0.15)
    assert rates["loss"] == pytest.approx(
        1 - written["indexed"].all / written["keys"].all, abs=0.001
    )
