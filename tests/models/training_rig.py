"""Toy corpora, and `textmill train` and `textmill evaluate`, here or in a process of their own."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from tensorflow.python.framework.config import disable_op_determinism
from typer.testing import CliRunner

from workers.cli import app

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


def here(*arguments: object) -> str:
    """Run a command in this process; return what it wrote on standard output."""
    try:
        done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    finally:
        disable_op_determinism()
    assert done.exit_code == 0, done.stderr
    return done.stdout


def textmill(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(_command(arguments), capture_output=True, text=True, timeout=200)


def train(folder: Path, out: str, *more: object) -> str:
    """Train on the corpus and the recipe of `folder` to the end, in this process."""
    return here(*options(folder, out), *more)


def begin(folder: Path, out: str, *more: object) -> "subprocess.Popen[str]":
    """Begin a training like that of `train`."""
    command = _command((*options(folder, out), *more))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _command(arguments: "tuple[object, ...]") -> list[str]:
    return [sys.executable, "-c", "from workers.cli import main; main()", *map(str, arguments)]


def options(folder: Path, out: str) -> tuple[object, ...]:
    """Return the command that trains on the corpus and the recipe of `folder`."""
    facts = {"task": "sentiment", "lang": "en", "name": "toy-en"}
    files = {"train": "train.jsonl", "dev": "dev.jsonl", "config": "recipe.toml", "out": out}
    paths = {key: folder / name for key, name in files.items()}
    return ("train", *(x for key, value in (facts | paths).items() for x in (f"--{key}", value)))


def wait_for_mid_epoch(path: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until the progress at `path` has come to the middle of a later epoch."""
    end = time.monotonic() + 240  # two processes that import TensorFlow, on a busy machine
    while time.monotonic() < end and process.poll() is None:
        if path.exists():
            progress = json.loads(path.read_bytes())
            if progress["epochs"] >= 1 and progress["steps"] % 10:
                return
        time.sleep(0.01)
    raise AssertionError(f"no middle of an epoch was seen; exit code {process.poll()}")
