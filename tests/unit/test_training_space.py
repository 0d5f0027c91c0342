"""What a search may try, and the recipe that comes out of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.training import config, recipe_file, space
from models.training.config import Config
from models.training.space import Choice, Range
from schemas.errors import SettingsError

SPACE = """
[fit.learning_rate]
low = 1e-4
high = 1e-2
log = true
[encoder.filters]
low = 8
high = 64
step = 8
[encoder.widths]
choices = [[3, 4, 5], [2, 3]]
"""


def _read(folder: Path, content: str) -> space.Space:
    (folder / "space.toml").write_text(content)
    return space.read(folder / "space.toml", Config())


def test_a_space_is_ranges_and_choices_by_their_place(tmp_path: Path) -> None:
    assert _read(tmp_path, SPACE) == {
        "fit.learning_rate": Range(low=1e-4, high=1e-2, log=True),
        "encoder.filters": Range(low=8, high=64, step=8),
        "encoder.widths": Choice(choices=([3, 4, 5], [2, 3])),
    }


def test_values_take_their_place_in_the_recipe() -> None:
    values = {"fit.learning_rate": 0.5, "encoder.widths": [2, 3], "storage": "float32"}
    changed: Any = space.applied(Config(), values)
    assert changed.fit.learning_rate == 0.5
    assert changed.encoder.widths == (2, 3)
    assert changed.storage == "float32"
    assert changed.fit.epochs == Config().fit.epochs


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("[fit", "is wrong"),
        ("[fit]\nepochs = 3", "fit.epochs has neither"),
        ("[fit.epochs]\nlow = 3", "missing required field `high`"),
        ("[fit.epochs]\nlow = 3\nhigh = 1", "low is above high"),
        ("[fit.dropout]\nlow = 0.1\nhigh = 0.2", "no recipe can have.*dropout"),
        ("[fit.epochs]\nlow = 0.1\nhigh = 0.2", "no recipe can have.*epochs"),
        ("[fit.learning_rate]\nlow = 0.0\nhigh = 1.0\nlog = true", "above 0"),
        ("[nothing.at.all]\nchoices = [1]", "a recipe has no nothing.at.all"),
        ("[fit.epochs]\nchoices = []", "length >= 1"),
    ],
)
def test_a_wrong_space_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _read(tmp_path, content)


RECIPES = sorted((Path(config.__file__).parents[1] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_that_is_written_is_read_again(tmp_path: Path, path: Path) -> None:
    recipe = config.read(path)
    recipe_file.write(recipe, tmp_path / "again.toml", "The best of 3 trials")
    assert config.read(tmp_path / "again.toml") == recipe
    assert [one.name for one in tmp_path.iterdir()] == ["again.toml"]


def test_odd_names_and_texts_are_written_too(tmp_path: Path) -> None:
    recipe = msgspec.convert(
        {"data": {"caution": 'a "b"\\\n\x7f房间', "rename_labels": {"a b": "PER", "地点": "LOC"}}},
        Config,
    )
    recipe_file.write(recipe, tmp_path / "r.toml", "x")
    assert config.read(tmp_path / "r.toml") == recipe
