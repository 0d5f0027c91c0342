"""A task that the history decides, and a version that has learnt it.

Customers name one thing or two, with small talk between, and then ask something of "it", which is
the thing named last. Who knows the text alone knows what is asked, and one thing in three.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

RECIPE = Path(__file__).parents[1] / "models" / "recipes" / "dialogue.toml"
HOTEL_LAST = ("i want a flight", "thank you", "i want a hotel")
FLIGHT_LAST = ("i want a hotel", "thank you", "i want a flight")
THINGS = ("flight", "hotel", "table")
ASKED = {
    "cancel": ("cancel it please", "i do not need it any more"),
    "change": ("change the date", "can we move it"),
    "price": ("how much is it", "what does it cost"),
}
SMALL_TALK = ("one moment", "thank you", "let me see", "it is warm today")


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version directory, as the shipped recipe makes it; the texts lie beside it."""
    folder = tmp_path_factory.mktemp("orders")
    options = {"task": "classification", "lang": "en", "name": "orders", "out": folder / "v"}
    for seed, (split, count) in enumerate((("train", 400), ("dev", 100), ("test", 300))):
        options[split] = write(folder / f"{split}.jsonl", seed, count)
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-c", "from models.cli import app; app()", "train", *words]
    done = subprocess.run([*command, "--config", RECIPE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "v"


def write(path: Path, seed: int, count: int) -> Path:
    """Write so many lines of `text`, `context` and `label`."""
    random = np.random.default_rng(seed)
    path.write_text("".join(json.dumps(_line(random)) + "\n" for _ in range(count)))
    return path


def _line(random: np.random.Generator) -> dict[str, object]:
    asked = str(random.choice(list(ASKED)))
    things = random.choice(THINGS, random.integers(1, 3), replace=False)
    context: list[str] = []
    for thing in things:
        small_talk = random.choice(SMALL_TALK, random.integers(3))
        context += [f"i want a {thing}", *map(str, small_talk)]
    text = str(random.choice(ASKED[asked]))
    return {"text": text, "context": context, "label": f"{asked}_{things[-1]}"}
