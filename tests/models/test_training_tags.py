"""`textmill train --task tagging` and `textmill evaluate`: from scratch, and from a parent."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.live_model import LiveModel
from tests.models.training_rig import here

RECIPE = """
[encoder]
type = "recurrent"
cell = "gru"
embedding = 12
units = 12
dropout = 0.1
[encoder.features]
suffixes = [2]
shape = true
buckets = 64
embedding = 4
[head]
type = "tagging"
[fit]
epochs = 5
batch_size = 16
learning_rate = 0.03
average = 0.5
report_every = 5
"""


def _lines(seed: int, count: int) -> str:
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        name = [str(random.choice(["Ann", "Bob", "Eva"]))] + ["Lee"] * int(random.integers(2))
        tokens = [*name, "lives", "in", str(random.choice(["Rome", "Oslo"])), "."]
        tags = ["B-PER", *["I-PER"] * (len(name) - 1), "O", "O", "B-LOC", "O"]
        rows.append(json.dumps({"tokens": tokens, "tags": tags}))
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tagging")
    for seed, split in enumerate(("train", "dev", "test")):
        (folder / f"{split}.jsonl").write_text(_lines(seed, 120))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def _train(folder: Path, out: str, *more: object) -> "dict[str, float]":
    options = {"task": "tagging", "lang": "en", "name": "toy", "config": folder / "recipe.toml"}
    files = {split: folder / f"{split}.jsonl" for split in ("train", "dev", "test")}
    pairs = (options | files | {"out": folder / out}).items()
    written = here("train", *(x for key, value in pairs for x in (f"--{key}", value)), *more)
    scores: dict[str, float] = json.loads(written)
    return scores


def test_a_tagger_is_trained_evaluated_and_a_parent(folder: Path) -> None:
    assert _train(folder, "v")["test_entity_f1"] > 0.95
    model = LiveModel.load(folder / "v")
    (answer,) = model.predict_texts(["Bob Lee lives in Oslo."])
    found = [(span.text, span.label) for span in answer.spans or ()]
    assert found == [("Bob Lee", "PER"), ("Oslo", "LOC")]
    files = ("--model", folder / "v", "--data", folder / "test.jsonl")
    result = json.loads(here("evaluate", *files, "--json"))
    metrics, stated = result["metrics"], model.manifest.metrics
    assert metrics["entity_f1"] == pytest.approx(stated["test_entity_f1"], abs=1e-4)
    assert metrics["accuracy"] > 0.95
    _train(folder, "child", "--init-from", folder / "v")
    assert LiveModel.load(folder / "child").manifest.parent is not None
