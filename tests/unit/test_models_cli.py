"""What the training commands refuse, and that they start without TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import app
from models.training.starters import STARTERS
from schemas.errors import SettingsError

GOOD = {
    "--task": "sentiment",
    "--lang": "en",
    "--name": "toy",
    "--train": "t",
    "--dev": "d",
    "--out": "o",
}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--lang", "fr", "zh, en"),
        ("--name", "Not Good", "lower-case"),
        ("--config", "missing.toml", "cannot be read"),
    ],
)
def test_a_wrong_option_is_refused(option: str, value: str, message: str) -> None:
    arguments = [text for pair in (GOOD | {option: value}).items() for text in pair]
    error = CliRunner().invoke(app, ["train", *arguments]).exception
    assert isinstance(error, SettingsError)
    assert message in str(error)


def test_the_command_line_starts_without_tensorflow() -> None:
    code = (
        "import sys, models.cli, models.training.starters;"
        "print({'tensorflow', 'keras', 'numpy', 'tokenizers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_a_task_the_recipe_must_name_some(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("[fit]\nepochs = 3")
    rest = [text for pair in list(GOOD.items())[1:3] for text in pair] + ["--out", "o"]
    for more in ([], ["--config", str(tmp_path / "r.toml")]):
        error = CliRunner().invoke(app, ["train", *rest, *more]).exception
        assert isinstance(error, SettingsError)
        assert "[[tasks]]" in str(error)


def test_every_starter_has_a_recipe() -> None:
    recipes = Path(__file__).parents[2] / "models" / "recipes"
    names = {path.stem for path in recipes.glob("*.toml")}
    assert names - {"bag", "joint-en", "dialogue", "intent-en-small"} == {
        one.name for one in STARTERS
    }
