"""Toy corpora, and `textmill train` in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

WORDS = {"good": ["great", "lovely", "fine"], "bad": ["awful", "poor", "dull"], "ignored": ["x"]}


def write_corpus(folder: Path, count: int) -> None:
    """Write `train.jsonl`, `dev.jsonl` and `test.jsonl` of this many labelled texts each."""
    for seed, split in enumerate(("train", "dev", "test")):
        (folder / f"{split}.jsonl").write_text(lines(seed, count))


def lines(seed: int, count: int) -> str:
    """Return labelled texts, one JSON object a line."""
    random = np.random.default_rng(seed)
    rows = []
    for label in random.choice(list(WORDS), count):
        text = f"a {random.choice(WORDS[label])} film, number {random.integers(9)}"
        rows.append(json.dumps({"text": text, "label": str(label)}))
    return "\n".join(rows) + "\n"


def textmill(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(_command(arguments), capture_output=True, text=True, timeout=200)


def train(folder: Path, out: str, *more: object) -> "subprocess.CompletedProcess[str]":
    """Train on the corpus and the recipe of `folder` to the end."""
    return textmill(*_options(folder, out), *more)


def begin(folder: Path, out: str, *more: object) -> "subprocess.Popen[str]":
    """Begin a training like that of `train`."""
    command = _command((*_options(folder, out), *more))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _command(arguments: "tuple[object, ...]") -> list[str]:
    return [sys.executable, "-c", "from workers.cli import main; main()", *map(str, arguments)]


def _options(folder: Path, out: str) -> tuple[object, ...]:
    options = {"task": "sentiment", "lang": "en", "name": "toy-en"}
    files = {"train": "train.jsonl", "dev": "dev.jsonl", "config": "recipe.toml", "out": out}
    paths = {key: folder / name for key, name in files.items()}
    return ("train", *(x for key, value in (options | paths).items() for x in (f"--{key}", value)))
