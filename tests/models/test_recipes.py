"""Recipes: every shipped one is accepted, an unknown key is not."""

from pathlib import Path

import pytest

from models.training import joint_recipe
from models.training.config import Config, load
from models.training.courses import Sources, prepare
from models.training.starters import STARTERS, Starter
from schemas.errors import SettingsError
from schemas.task import Task

RECIPES = Path(__file__).parents[2] / "models" / "recipes"


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.name)
def test_a_shipped_recipe_names_its_source_and_licence(starter: Starter) -> None:
    data = load(RECIPES / f"{starter.name}.toml", starter.task).data
    assert "unknown" not in (data.licence, data.source)
    assert data.citation


def test_the_shipped_joint_recipe_names_files_sources_and_licences() -> None:
    config = joint_recipe.load(RECIPES / "joint-en.toml", Path("corpora"))
    assert [one.name for one in config.tasks if one.answers] == [
        Task.CLASSIFICATION,
        Task.SENTIMENT,
        Task.TAGGING,
    ]
    for one in config.tasks:
        assert "unknown" not in (one.data.licence, one.data.source)
        assert one.data.citation
        assert {Path(path).parts[0] for path in one.train + one.dev + one.test} == {"corpora"}


def test_a_students_recipe_names_its_source_and_how_it_is_taught() -> None:
    student = load(RECIPES / "intent-en-small.toml")
    assert "unknown" not in (student.data.licence, student.data.source)
    assert student.data.citation
    assert student.distil.weight > 0.5


@pytest.mark.parametrize("name", ["bag", "dialogue"])
def test_a_recipe_for_data_of_ones_own_is_accepted(name: str) -> None:
    recipe = RECIPES / f"{name}.toml"
    assert load(recipe).encoder.__struct_config__.tag == name
    assert load(recipe, Task.SENTIMENT).data == Config().data


def test_no_recipe_means_the_defaults() -> None:
    encoder = load(None).encoder
    assert load(None) == Config()
    assert (encoder.embedding, encoder.widths, encoder.filters) == (128, (3, 4, 5), 128)
    assert (encoder.dropout, encoder.length) == (0.5, 200)


def test_a_recipe_of_another_task_is_refused() -> None:
    assert load(None, Task.TAGGING).encoder.length == 512
    for name, task in (("ner-zh", Task.SENTIMENT), ("topic-zh", Task.TAGGING)):
        with pytest.raises(SettingsError, match="does not answer"):
            load(RECIPES / f"{name}.toml", task)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fit]\nepoch = 3", "epoch"),
        ("[fits]", "fits"),
        ('[fit]\nepochs = "3"', "int"),
        ('[encoder]\ntype = "rnn"', "rnn"),
        ("[fit", "TOML|wrong"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        load(tmp_path / "r.toml")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ('[parsing]\nclean = ["url"]', "cannot serve tagging"),
        ('[tokenizer]\nunit = "subword"', 'takes "character", "word" or "mixed"'),
    ],
)
def test_a_tagger_refuses_what_would_move_its_spans(
    tmp_path: Path, recipe: str, message: str
) -> None:
    (tmp_path / "r.toml").write_text(
        recipe + '\n[encoder]\ntype = "recurrent"\n[head]\ntype = "tagging"'
    )
    sources = Sources(train=(), dev=(), lang="en")
    with pytest.raises(SettingsError, match=message):
        prepare(sources, load(tmp_path / "r.toml", Task.TAGGING))
