"""Pre-training by masked tokens: what is hidden, what is learnt, and what starts from it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import artifact, catalog
from models.live_model import LiveModel
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer
from models.training import masking, pace, pretrain
from models.training.batches import Encoded, epoch
from models.training.config import Config, FitConfig, read
from models.training.masking import Masking
from models.training.observer import Silent
from schemas.errors import ArtifactError, DataError, SettingsError
from schemas.question import Question
from tests.models.training_rig import here

ENCODER = """
[tokenizer]
min_frequency = 1
[encoder]
type = "transformer"
embedding = 16
layers = 1
heads = 2
feed_forward = 32
dropout = 0.0
"""
FIT = """
[head]
type = "tagging"
[fit]
epochs = 8
batch_size = 32
learning_rate = 0.02
average = 0.8
checkpoint_every = 30
"""
TRAIN = """
[transfer]
freeze = ["encoder"]
[fit]
epochs = 6
batch_size = 16
learning_rate = 0.05
average = 0.5
[[tasks]]
task = "classification"
train = ["who.jsonl"]
dev = ["who.jsonl"]
[[tasks]]
task = "tagging"
train = ["tags.jsonl"]
dev = ["tags.jsonl"]
[tasks.encoder]
cell = "rnn"
units = 8
dropout = 0.0
"""
PAIRS = {"Ann": "Rome", "Bob": "Oslo", "Eva": "Bern", "Dan": "Kyiv"}
"""In the toy language a person lives in one place: each tells the other."""


def _sentence(random: np.random.Generator) -> tuple[str, list[str]]:
    name = str(random.choice(list(PAIRS)))
    return name, [name, str(random.choice(["lives", "sleeps"])), "in", PAIRS[name], "."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("pretraining"), np.random.default_rng(1)
    rows: dict[str, list[Any]] = {"raw": [], "who": [], "tags": []}
    for number in range(400):
        name, tokens = _sentence(random)
        rows["raw"].append({"text": " ".join([*tokens, str(number)])})
        if number < 80:
            rows["who"].append({"text": " ".join(tokens), "label": name})
            tags = ["B-PER", "O", "O", "B-LOC", "O"]
            rows["tags"].append({"tokens": tokens, "tags": tags})
    for name, some in rows.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, some)))
    (folder / "pretrain.toml").write_text(ENCODER + FIT)
    (folder / "joint.toml").write_text(ENCODER + TRAIN)
    return folder


@pytest.fixture(scope="module")
def scores(folder: Path) -> dict[str, float]:
    options = {"lang": "en", "raw": folder / "raw.jsonl", "config": folder / "pretrain.toml"}
    pairs = (options | {"out": folder / "encoder"}).items()
    told = here("pretrain", *(x for key, value in pairs for x in (f"--{key}", value)))
    found: dict[str, float] = json.loads(told)
    return found


@pytest.fixture(scope="module")
def child(folder: Path, scores: dict[str, float]) -> Path:
    recipe = ("--config", folder / "joint.toml", "--init-from", folder / "encoder")
    here("train", "--lang", "en", "--name", "who", "--out", folder / "child", *recipe)
    return folder / "child"


def _encoder(version: Path) -> list[np.ndarray]:
    architecture = catalog.read(artifact.verify(version).architecture)
    network = catalog.restore(architecture, version / artifact.WEIGHTS)
    parts = pace.parts_of(network, architecture.encoder)
    return [
        x
        for name in pace.names(architecture.encoder)
        for one in parts[name]
        for x in one.get_weights()
    ]


def test_it_learns_more_than_how_usual_a_token_is(folder: Path, scores: dict[str, float]) -> None:
    raw = (folder / "raw.jsonl").read_text().splitlines()
    lines = [json.loads(line)["text"].split() for line in raw]
    counts = Counter(token for tokens in lines for token in tokens)
    usual = max(counts.values()) / sum(counts.values())
    assert scores["dev_accuracy"] > 2 * usual
    shares = np.array(list(counts.values())) / sum(counts.values())
    assert scores["dev_perplexity"] < 0.5 * np.exp(-(shares * np.log(shares)).sum())


def test_the_version_says_what_it_is(folder: Path, scores: dict[str, float]) -> None:
    manifest = artifact.verify(folder / "encoder")
    assert manifest.task is None
    assert manifest.tasks == {}
    assert (
        "an encoder to start other trainings from"
        in (folder / "encoder" / artifact.CARD).read_text()
    )
    assert (folder / "encoder.training" / "learning_curve.png").exists()
    with pytest.raises(ArtifactError, match="answers no task: train a model from it"):
        LiveModel.load(folder / "encoder")


def test_a_hybrid_starts_from_it_and_answers(folder: Path, child: Path) -> None:
    """The encoder is frozen: two heads, one behind layers of its own, learn what it gives them."""
    for before, after in zip(_encoder(folder / "encoder"), _encoder(child), strict=True):
        np.testing.assert_array_equal(before, after)
    model = LiveModel.load(child)
    assert model.manifest.parent == artifact.digest(artifact.verify(folder / "encoder"))
    text = "Eva sleeps in Bern ."
    who, places = model.ask([Question(text, task=task) for task in model.manifest.tasks])
    assert who.label == "Eva"
    assert [(one.text, one.label) for one in places.spans or ()] == [
        ("Eva", "PER"),
        ("Bern", "LOC"),
    ]


def test_a_parent_with_another_encoder_is_refused(
    folder: Path, tmp_path: Path, scores: dict[str, float]
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(ENCODER.replace("layers = 1", "layers = 2") + '[head]\ntype = "tagging"')
    data = ("--train", folder / "tags.jsonl", "--dev", folder / "tags.jsonl", "--config", recipe)
    with pytest.raises(DataError, match=r"another encoder than the recipe \(layers in"):
        here(
            *("train", "--task", "tagging", "--lang", "en", "--name", "x", "--out", tmp_path / "v"),
            *("--init-from", folder / "encoder", *data),
        )


def test_the_shares_of_masked_tokens() -> None:
    random = np.random.default_rng(1)
    ids = random.integers(2, 1000, (200, 100, 3)).astype(np.int32)
    ids[:, 90:] = 0
    ids[:, 0, 0] = 1
    shown = Masking(FeatureConfig(suffixes=(1, 2))).hide(ids, random)
    asked, token = shown[..., -1], ids[..., 0]
    assert not asked[:, 90:].any()
    assert not asked[:, 0].any()
    chosen = asked > 0
    assert chosen[:, 1:90].mean() == pytest.approx(masking.CHOSEN, abs=0.01)
    np.testing.assert_array_equal(asked[chosen], token[chosen])
    np.testing.assert_array_equal(shown[~chosen][:, :-1], ids[~chosen])
    unknown = shown[chosen][:, 0] == 1
    kept = (shown[chosen][:, :-1] == ids[chosen]).all(axis=1)
    assert unknown.mean() == pytest.approx(0.8, abs=0.03)
    assert kept.mean() == pytest.approx(0.1, abs=0.03)
    assert not shown[chosen][unknown][:, 1:-1].any()


def test_neighbours_do_not_tell_of_a_masked_token() -> None:
    features = FeatureConfig(suffixes=(1,), lexicon=3, pairs=True)
    assert features.reach == (0, 2, 2, 2, 1, 1)
    assert len(features.reach) == features.hashed
    random = np.random.default_rng(2)
    ids = random.integers(2, 1000, (50, 40, 7)).astype(np.int32)
    shown = Masking(features).hide(ids, random)
    chosen = shown[..., -1] > 0
    for row, place in np.argwhere(chosen):
        assert not shown[row, max(0, place - 2) : place + 3, 2:5].any()
        assert not shown[row, max(0, place - 1) : place + 2, 5:7].any()
    far = ~masking._near(chosen, 2)
    np.testing.assert_array_equal(shown[far][:, :-1], ids[far])


def test_a_resumed_epoch_hides_the_same_tokens() -> None:
    ids = np.random.default_rng(1).integers(2, 50, (40, 9, 1)).astype(np.int32)
    data = Encoded(list(ids), np.zeros(40, np.int32), noise=Masking(FeatureConfig()))
    config = FitConfig(batch_size=8)
    whole, rest = list(epoch(data, config, 2)), list(epoch(data, config, 2, 3))
    assert len(rest) == 2
    for one, same in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(one.ids, same.ids)
    other = next(epoch(data, config, 3))
    assert (other.ids[..., -1] != whole[0].ids[..., -1]).any()


def _request(folder: Path, raw: str, config: Config) -> pretrain.Request:
    return pretrain.Request(
        name="e", lang="en", raw=(folder / raw,), config=config, out=folder / "none"
    )


def test_what_cannot_be_pre_trained(folder: Path) -> None:
    (folder / "few.jsonl").write_text('{"text": "only one"}')
    config = read(folder / "pretrain.toml")
    with pytest.raises(DataError, match="too few to pre-train"):
        pretrain.pretrain(_request(folder, "few.jsonl", config), Silent())
    with pytest.raises(SettingsError, match="needs an encoder of tokens"):
        pretrain.pretrain(_request(folder, "raw.jsonl", Config()), Silent())
    with pytest.raises(DataError, match="cannot be read"):
        pretrain.pretrain(_request(folder, "missing.jsonl", config), Silent())
    assert not (folder / "none").exists()


def test_a_classifier_s_recipe_gives_a_classifier_s_tokenizer(folder: Path) -> None:
    config = read(folder / "pretrain.toml")
    units = pretrain._tokenizer(["a b", "b c"], _request(folder, "raw.jsonl", config))
    assert isinstance(units, WordTokenizer)
    recipe = folder / "classifier.toml"
    recipe.write_text(ENCODER)
    pieces = pretrain._tokenizer(["a b", "b c"], _request(folder, "raw.jsonl", read(recipe)))
    assert not isinstance(pieces, WordTokenizer)
