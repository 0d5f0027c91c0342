"""Studies of recipes beside the store, on both databases: neither sees the other's tables."""

import optuna
from sqlalchemy import inspect

from tests.contracts.store_fixtures import store_url
from workers.sql.engine import open_engine
from workers.sql.studies import studies
from workers.sql.upgrade import require_current, upgrade

__all__ = ["store_url"]


def test_a_study_is_kept_beside_the_store(store_url: str) -> None:
    upgrade(store_url)
    for _ in range(2):
        with studies(store_url) as storage:
            study = optuna.create_study(storage=storage, study_name="toy", load_if_exists=True)
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
            count = len(study.trials)
    assert count == 4
    engine = open_engine(store_url)
    require_current(engine)
    assert "trials" not in inspect(engine).get_table_names()
    engine.dispose()
