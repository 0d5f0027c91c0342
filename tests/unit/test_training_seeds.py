"""Mean and spread over seeds, from trainings that are there already."""

import shutil
from pathlib import Path

import msgspec
import pytest

from models import artifact, catalog
from models.training import config, seeds
from models.training.starters import STARTER_DIRECTORY, STARTERS, Starter, chosen
from schemas.errors import DataError, SettingsError

NAME = "sentiment-en"


def _trained(scratch: Path, seed: int, **changed: object) -> None:
    """Put a version beside the shipped one that differs from it in its manifest alone."""
    folder = scratch / f"seed-{seed}" / NAME
    shutil.copytree(STARTER_DIRECTORY / NAME, folder)
    manifest = msgspec.structs.replace(artifact.read_manifest(folder), **changed)
    (folder / artifact.MANIFEST).write_bytes(msgspec.json.encode(manifest))


def test_mean_and_sample_deviation_by_hand() -> None:
    rows = [{"test_accuracy": 0.7, "dev": 0.1}, {"test_accuracy": 0.8}, {"test_accuracy": 0.9}]
    assert seeds.spreads(rows) == {
        "test_accuracy": seeds.Spread(mean=0.8, deviation=0.1, values=(0.7, 0.8, 0.9))
    }


def test_the_shipped_version_is_the_first_seed(tmp_path: Path) -> None:
    shipped = artifact.read_manifest(STARTER_DIRECTORY / NAME)
    for seed, accuracy in ((2, 0.5), (3, 0.6)):
        _trained(tmp_path, seed, metrics={"test_accuracy": accuracy})
    seeds.study(tmp_path, tmp_path, seeds=3, only=NAME, summary=tmp_path / "seeds.json")
    (measured,) = seeds.read(tmp_path / "seeds.json").values()
    assert measured.seeds == (1, 2, 3)
    assert measured.version == artifact.digest(shipped)
    values = measured.scores["test_accuracy"].values
    assert values == (shipped.metrics["test_accuracy"], 0.5, 0.6)


def test_a_summary_keeps_what_it_knows_of_other_starters(tmp_path: Path) -> None:
    summary = tmp_path / "seeds.json"
    other = seeds.Seeds((1, 2), "0" * 64, {})
    summary.write_bytes(msgspec.json.encode({"other": other}))
    _trained(tmp_path, 2)
    seeds.study(tmp_path, tmp_path, seeds=2, only=NAME, summary=summary)
    read = seeds.read(summary)
    assert list(read) == ["other", NAME]
    assert read["other"] == other
    assert seeds.read(tmp_path / "none.json") == {}


def test_a_training_by_another_recipe_is_refused(tmp_path: Path) -> None:
    shipped = artifact.read_manifest(STARTER_DIRECTORY / NAME).architecture
    _trained(tmp_path, 2, architecture={**shipped, "vocabulary": 7})
    with pytest.raises(DataError, match="another recipe"):
        seeds.measure(chosen(NAME)[0], tmp_path, tmp_path, (1, 2))


def test_an_unknown_starter_is_refused() -> None:
    with pytest.raises(SettingsError, match="topic-zh"):
        chosen("topic-xx")


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.name)
def test_a_shipped_recipe_has_the_first_seed(starter: Starter) -> None:
    folder = Path(seeds.__file__).parents[1] / "recipes"
    assert config.load(folder / f"{starter.name}.toml", starter.task).fit.seed == 1


def test_a_seed_given_outweighs_the_recipes() -> None:
    recipe = config.load(None)
    assert config.seeded(recipe, None) == recipe
    assert config.seeded(recipe, 7).fit == msgspec.structs.replace(recipe.fit, seed=7)


def test_an_architecture_may_be_written_shorter(tmp_path: Path) -> None:
    shipped = artifact.read_manifest(STARTER_DIRECTORY / NAME).architecture
    whole = catalog.read(shipped).as_manifest()
    encoder = {k: v for k, v in whole["encoder"].items() if k != "features"}  # type: ignore[attr-defined]
    for seed, one in ((2, whole), (3, {**whole, "encoder": encoder})):
        _trained(tmp_path, seed, architecture=one)
    assert seeds.measure(chosen(NAME)[0], tmp_path, tmp_path, (1, 2, 3)).seeds == (1, 2, 3)
