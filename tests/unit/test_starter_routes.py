"""Which starter answers by default: that of `DEFAULTS`, and none where an operator chose."""

from pathlib import Path

from models.training.starters import STARTERS
from schemas.settings import Settings
from schemas.task import Task
from workers import starters
from workers.assembly import Store


def test_every_contested_pair_has_its_default() -> None:
    pairs = [(starter.task, starter.lang) for starter in STARTERS]
    contested = {pair for pair in pairs if pairs.count(pair) > 1}
    assert contested == set(starters.DEFAULTS)


def test_the_default_is_routed_and_stays_as_an_operator_leaves_it(tmp_path: Path) -> None:
    with Store(Settings(data_dir=tmp_path)) as store:
        enrolled = {version.name: version for version in starters.enroll(store.registry)}
        for (task, lang), name in starters.DEFAULTS.items():
            assert store.registry.routes()[task, lang].name == name
        store.registry.route(Task.TAGGING, "en", enrolled["pos-en"])
        starters.enroll(store.registry)
        assert store.registry.routes()[Task.TAGGING, "en"].name == "pos-en"
