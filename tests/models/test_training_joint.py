"""Joint training: several tasks by one encoder, from a recipe to a version that answers them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from models import artifact, catalog
from models.live_model import LiveModel
from models.training import joint_recipe, run
from models.training.batches import Batch, Encoded, by_length, rows, shuffled
from models.training.config import load
from models.training.exchange import Joined
from models.training.joint import Joint, Part, joined
from models.training.objectives import Labels, Tags
from models.training.observer import Silent
from schemas.errors import SettingsError
from schemas.model_version import Manifest
from schemas.question import Question
from schemas.task import Task
from tests.models import joint_version
from workers.cli import app

ENCODER = """
[encoder]
type = "recurrent"
embedding = 12
units = 12
dropout = 0.1
[encoder.features]
suffixes = [2]
buckets = 64
embedding = 4
[fit]
epochs = 9
batch_size = 16
learning_rate = 0.03
average = 0.5
report_every = 5
"""
TASKS = """
[[tasks]]
task = "sentiment"
train = ["sentiment-0.jsonl"]
dev = ["sentiment-1.jsonl"]
test = ["sentiment-2.jsonl"]
[tasks.data]
name = "moods"
licence = "CC0-1.0"
[tasks.encoder]
cell = "rnn"
units = 6
bidirectional = false
dropout = 0.0
[[tasks]]
task = "tagging"
weight = 2.0
train = ["tagging-0.jsonl"]
dev = ["tagging-1.jsonl"]
[[tasks]]
task = "classification"
name = "town"
answers = false
train = ["town-0.jsonl"]
dev = ["town-1.jsonl"]
"""


def _sentence(random: np.random.Generator) -> tuple[list[str], list[str], str]:
    mood = str(random.choice(["good", "bad"]))
    word = random.choice({"good": ["great", "lovely"], "bad": ["awful", "dull"]}[mood])
    name = str(random.choice(["Ann", "Bob", "Eva"])), str(random.choice(["Rome", "Oslo"]))
    tokens = [name[0], "had", "a", str(word), "day", "in", name[1], "."]
    return tokens, ["B-PER", "O", "O", "O", "O", "O", "B-LOC", "O"], mood


def _write(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    lines: dict[str, list[Any]] = {"sentiment": [], "tagging": [], "town": []}
    for _ in range(90):
        tokens, _, mood = _sentence(random)
        lines["sentiment"].append({"text": " ".join(tokens), "label": mood})
        tokens, tags, _ = _sentence(random)
        lines["tagging"].append({"tokens": tokens, "tags": tags})
        lines["town"].append({"text": " ".join(tokens), "label": tokens[-2]})
    for name, some in lines.items():
        (folder / f"{name}-{seed}.jsonl").write_text("\n".join(map(json.dumps, some)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joint")
    for seed in range(3):
        _write(folder, seed)
    (folder / "joint.toml").write_text(ENCODER + TASKS)
    return folder


def _request(folder: Path, out: str) -> run.Request:
    none = joint_recipe.Files((), (), ())
    task, files, recipe = joint_recipe.choose(None, none, folder / "joint.toml")
    return run.Request(
        name="joint",
        task=task,
        lang="en",
        train=files.train,
        dev=files.dev,
        test=files.test,
        config=recipe,
        out=folder / out,
    )


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return run.train(_request(folder, "v"), Silent())


def test_a_recipe_of_several_tasks_gives_a_version_that_answers_them(
    folder: Path, manifest: Manifest
) -> None:
    assert manifest.tasks == {
        Task.SENTIMENT: ("bad", "good"),
        Task.TAGGING: ("B-LOC", "B-PER", "O"),
    }
    assert manifest.metrics["test_sentiment_accuracy"] > 0.95
    assert manifest.metrics["dev_tagging_entity_f1"] > 0.95
    assert {one.task for one in manifest.samples} == {Task.SENTIMENT, Task.TAGGING}
    model = LiveModel.load(folder / "v")
    text = "Bob had a dull day in Oslo."
    mood, names = model.ask([Question(text, task=task) for task in manifest.tasks])
    assert mood.label == "bad"
    assert [(one.text, one.label) for one in names.spans or ()] == [("Bob", "PER"), ("Oslo", "LOC")]
    assert not [layer for layer in model.network.layers if layer.name.startswith("town")]


def test_the_card_tells_of_all_tasks(folder: Path, manifest: Manifest) -> None:
    assert [one.licence for one in manifest.data] == ["CC0-1.0", "unknown", "unknown"]
    card = (folder / "v" / artifact.CARD).read_text()
    assert "Task: sentiment, tagging." in card
    assert "2 labels of sentiment: bad, good" in card
    assert "3 labels of tagging: B-LOC, B-PER, O" in card


def test_evaluate_scores_the_task_that_is_asked_for(folder: Path, manifest: Manifest) -> None:
    data = str(folder / "sentiment-2.jsonl")
    asked = ["evaluate", "--model", str(folder / "v"), "--data", data, "--json"]
    error = CliRunner().invoke(app, asked).exception
    assert isinstance(error, SettingsError)
    assert "--task sentiment or tagging" in str(error)
    scored = json.loads(CliRunner().invoke(app, [*asked, "--task", "sentiment"]).stdout)
    assert scored["metrics"]["accuracy"] == pytest.approx(
        manifest.metrics["test_sentiment_accuracy"], abs=1e-4
    )


def test_batches_are_of_one_task_each() -> None:
    ids = [np.ones(length, dtype=np.int32) for length in (2, 3, 4, 5, 9)]
    classes = Encoded(ids, np.arange(5, dtype=np.int32))
    tags = Encoded(ids[:3], [one * 7 for one in ids[:3]])
    both = joined([classes, tags], (1, 1))
    assert [list(one) for one in both.labels[4:7]] == [[0, 4], [1, 7, 7], [1, 7, 7, 7]]
    drawn = shuffled(both, 2, np.random.default_rng(1))
    assert sorted(number for batch in drawn for number in batch) == list(range(8))
    assert all(len({number < 5 for number in batch}) == 1 for batch in drawn)
    assert rows(both, 2) == 2 * len(drawn) == 10
    assert [len(set(batch.labels[:, 0])) for batch in by_length(both, 4)] == [1, 1, 1]


def test_the_shares_of_two_processes_weigh_as_the_whole_batch() -> None:
    """Labels, and tags by a CRF in sentences of different lengths."""
    network, random = catalog.build(joint_version.architecture(12)), np.random.default_rng(1)
    goals = (Labels(3, 0.1), Labels(2, 0.1), Tags(joint_version.LABELS[Task.TAGGING]))
    pairs = zip(joint_version.LABELS, goals, strict=True)
    objective = Joint([Part(task.value, goal, 1.5, True) for task, goal in pairs])
    shape = network.input_shape[2:]
    ids = [random.integers(1, 12, (size, *shape)).astype(np.int32) for size in (2, 3, 4, 5, 9)]
    some = Encoded(ids, np.array([0, 1, 0, 1, 1], np.int32))
    tagged = some._replace(labels=[np.full(len(one), 2, np.int32) for one in ids])

    def weighed(batch: Batch) -> tuple[float, float]:
        labels = tf.constant(batch.labels)
        loss = objective.loss(network, batch.ids, network(batch.ids), labels)
        return float(loss), float(objective.count(batch.ids, labels))

    for batch in by_length(joined([some, some, tagged], (1, 1, 1)), 5):
        whole, count = weighed(batch)
        shares = [weighed(Joined(rank, 2, {}, 0).share(batch)) for rank in (0, 1)]
        assert sum(own for _, own in shares) == count
        assert sum(loss * own for loss, own in shares) == pytest.approx(whole * count, rel=1e-4)


def test_an_epoch_shows_a_task_as_often_as_the_recipe_says() -> None:
    ids = [np.ones(length, dtype=np.int32) for length in (2, 3, 4, 5, 9)]
    classes = Encoded(ids, np.arange(5, dtype=np.int32))
    both, random = joined([classes, classes], (0.4, 2.2)), np.random.default_rng(1)
    epochs = [np.concatenate(shuffled(both, 4, random)) for _ in range(20)]
    assert {int((one < 5).sum()) for one in epochs} == {2}
    assert set(range(5)) == {int(number) for one in epochs for number in one if number < 5}
    counts = np.bincount(epochs[0], minlength=10)[5:]
    assert sorted(counts) == [2, 2, 2, 2, 3]
    assert rows(both, 4) == 4 * (1 + 3)
    assert sum(len(batch.indices) for batch in by_length(both, 4)) == 10


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("dropout = 0.0", "dropout = 0.0\n[[tasks]]\ntask = 'sentiment'\nname = 'b'\n{}"),
            "answered tw",
        ),
        (('name = "town"', 'name = "tagging"'), "a name of its own"),
        ((ENCODER, "[encoder]\ntype = 'textcnn'"), "share an encoder of tokens"),
        (('task = "sentiment"', 'task = "summarization"'), "summarization cannot be one"),
        (("weight = 2.0", "weight = 0"), "weight"),
        (("weight = 2.0", "wait = 2.0"), "wait"),
    ],
)
def test_a_wrong_recipe_is_told(
    folder: Path, tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    more = 'train = ["a"]\ndev = ["b"]'
    recipe = (ENCODER + TASKS).replace(change[0], change[1].format(more), 1)
    (tmp_path / "r.toml").write_text(recipe)
    with pytest.raises(SettingsError, match=complaint):
        joint_recipe.load(tmp_path / "r.toml")


def test_one_at_least_must_answer(tmp_path: Path) -> None:
    recipe = ENCODER + TASKS.replace("[[tasks]]", "[[tasks]]\nanswers = false", 2)
    (tmp_path / "r.toml").write_text(recipe)
    with pytest.raises(SettingsError, match="must answer"):
        joint_recipe.load(tmp_path / "r.toml")


def test_the_command_or_the_recipe_names_the_files(folder: Path) -> None:
    some = joint_recipe.Files((folder / "a",), (), ())
    with pytest.raises(SettingsError, match="leave out --task"):
        load(folder / "joint.toml", Task.TAGGING)
    with pytest.raises(SettingsError, match="need --task"):
        joint_recipe.choose(None, some, folder / "joint.toml")
    with pytest.raises(SettingsError, match="needs --train and --dev"):
        joint_recipe.choose(Task.TAGGING, some, None)
    with pytest.raises(SettingsError, match="name the files whole"):
        joint_recipe.choose(Task.TAGGING, some, None, folder)
    with pytest.raises(SettingsError, match="or --config with"):
        joint_recipe.choose(None, joint_recipe.Files((), (), ()), None)
