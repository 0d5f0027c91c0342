"""Extraction is learnt: what sentences are worth, and `textmill train --task summarization`."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.live_model import LiveModel
from models.training.choosing import worths
from models.training.rouge import rouge_of_units
from models.training.scoring import evaluate
from tests.models.training_rig import textmill

RECIPE = """
[encoder]
type = "recurrent"
cell = "gru"
length = 48
embedding = 12
units = 8
dropout = 0.1
[head]
type = "extraction"
units = 8
facts = 4
dropout = 0.1
longest_sentence = 16
sentences = 1
[fit]
epochs = 6
batch_size = 8
learning_rate = 0.03
average = 0.5
report_every = 5
"""
FILLERS = ("The sun is out today.", "Somebody walks a dog.", "There are many cars here.")


def _lines(seed: int, count: int) -> str:
    """Documents, some longer than a window, whose summary is the sentence with a cue."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        sentences = [str(random.choice(FILLERS)) for _ in range(int(random.integers(2, 12)))]
        cue = f"We show that answer {number} is {random.integers(99)}."
        sentences.insert(int(random.integers(len(sentences) + 1)), cue)
        rows.append(json.dumps({"text": " ".join(sentences), "summary": cue}))
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extracting")
    for seed, split in enumerate(("train", "dev", "test")):
        (folder / f"{split}.jsonl").write_text(_lines(seed, 60))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def test_an_extractor_is_trained_and_evaluated(folder: Path) -> None:
    options = {"task": "summarization", "lang": "en", "name": "toy", "out": folder / "v"}
    files = {split: folder / f"{split}.jsonl" for split in ("train", "dev", "test")}
    pairs = (options | files | {"config": folder / "recipe.toml"}).items()
    done = textmill("train", *(x for key, value in pairs for x in (f"--{key}", value)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test_rouge_l"] > 0.95
    model = LiveModel.load(folder / "v")
    long = " ".join([*FILLERS * 20, "We show that answer 7 is 8.", *FILLERS * 20])
    (answer,) = model.predict_texts([long])
    assert answer.summary == "We show that answer 7 is 8."
    assert (answer.truncated, answer.label, answer.spans) == (False, None, None)
    result = evaluate(model, folder / "test.jsonl").metrics
    assert result["rouge_l"] == pytest.approx(model.manifest.metrics["test_rouge_l"], abs=1e-4)
    assert {"rouge_1", "rouge_2", "texts_per_second"} <= result.keys()


def test_a_sentence_is_worth_its_rouge_and_the_oracle_s_as_much_as_the_best() -> None:
    sentences = [["a", "b", "c", "d"], ["x", "y"], ["e", "f", "g"], ["a", "b"]]
    reference = ["a", "b", "c", "d", "e", "f", "g"]
    alone = [sum(rouge_of_units(one, reference)) / 3 for one in sentences]
    expected = [round(1000 * value) for value in alone]
    assert worths(sentences, [reference], 1).tolist() == expected
    expected[2] = expected[0]
    assert worths(sentences, [reference], 3).tolist() == expected
    assert worths(sentences, [["x", "y"], reference], 1)[1] == 1000
