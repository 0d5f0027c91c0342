"""Summaries in a model's own words are learnt: `textmill train --task summarization`."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from models.live_model import LiveModel
from models.training import config, run
from models.training.courses import Sources, prepare
from models.training.distil import taught
from models.training.exchange import ALONE
from models.training.observer import Silent
from models.training.scoring import evaluate
from schemas.errors import SettingsError
from schemas.task import Task
from tests.models.summarizer import lines

RECIPE = """
storage = "float32"
[tokenizer]
vocabulary = 40
unit = "mixed"
[encoder]
type = "recurrent"
length = 24
embedding = 16
units = 16
dropout = 0.0
[head]
type = "summarization"
units = 20
dropout = 0.0
longest = 6
beams = 2
ngram = 0
[fit]
epochs = 10
batch_size = 16
learning_rate = 0.03
label_smoothing = 0.02
average = 0.5
patience = 10
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that end with what is to be said of them, names that no other text has."""
    folder = tmp_path_factory.mktemp("writing")
    for seed, (split, count) in enumerate({"train": 160, "dev": 40, "test": 40}.items()):
        rows = [json.dumps({"text": text, "summary": said}) for text, said in lines(count, seed)]
        (folder / f"{split}.jsonl").write_text("\n".join(rows))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def test_a_summariser_is_trained_evaluated_and_copies_what_it_never_saw(folder: Path) -> None:
    request = run.Request(
        name="toy",
        task=Task.SUMMARIZATION,
        lang="en",
        train=(folder / "train.jsonl",),
        dev=(folder / "dev.jsonl",),
        test=(folder / "test.jsonl",),
        config=config.load(folder / "recipe.toml", Task.SUMMARIZATION),
        out=folder / "v",
    )
    metrics = run.train(request, Silent()).metrics
    assert metrics["test_rouge_l"] > 0.8
    model = LiveModel.load(folder / "v")
    model.check_samples()
    result = evaluate(model, folder / "test.jsonl")
    assert result.metrics["rouge_l"] == pytest.approx(metrics["test_rouge_l"], abs=1e-4)


def test_distillation_is_refused(folder: Path) -> None:
    recipe = config.load(folder / "recipe.toml", Task.SUMMARIZATION)
    recipe = replace(recipe, distil=config.DistilConfig(teachers=2))
    dev = (folder / "dev.jsonl",)
    course = prepare(Sources(train=dev, dev=dev, lang="en"), recipe)
    with pytest.raises(SettingsError, match="distil"):
        taught(course, recipe, lambda seed: None, folder, Silent(), ALONE)
