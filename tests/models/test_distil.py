"""Distillation: beliefs are probabilities, teachers outweigh labels as far as the recipe says."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import artifact, catalog
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.training import run, workspace
from models.training.batches import Encoded
from models.training.config import Config, DistilConfig, FitConfig, TokenizerConfig
from models.training.distil import Taught
from models.training.fit import Trainer
from models.training.objectives import Labels, Tags
from schemas.task import Task

FIT = FitConfig(epochs=20, batch_size=8, learning_rate=0.05, average=0.0, patience=20)
IDS = [np.array([number % 17 + 2, number % 5 + 2], dtype=np.int32) for number in range(40)]
EVEN = np.array([ids[0] % 2 for ids in IDS], dtype=np.int32)
SENTENCE = np.array([[[3], [4], [5], [0]]], dtype=np.int32)


class Counting:
    """Remembers how many steps were taken."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, done: int, total: int) -> None:
        self.steps += 1

    def report(self, row: dict[str, float]) -> None:
        pass


def _classifier(seed: int) -> Any:
    keras.utils.set_random_seed(seed)
    encoder = TextCNNConfig(length=8, embedding=8, filters=8, widths=(1,), dropout=0.0)
    return catalog.build(
        catalog.Architecture(
            vocabulary=20, classes=2, encoder=encoder, head=ClassificationConfig(dropout=0.0)
        )
    )


def _tagger(seed: int) -> Any:
    keras.utils.set_random_seed(seed)
    encoder = RecurrentConfig(embedding=4, units=4)
    return catalog.build(
        catalog.Architecture(vocabulary=20, classes=4, encoder=encoder, head=TaggingConfig())
    )


def _fitted(folder: Path, labels: Any, dev: Any, teachers: list[Any], weight: float) -> Any:
    network, objective = (
        _classifier(1),
        Taught(Labels(2, 0.0), teachers, DistilConfig(weight=weight)),
    )
    trainer = Trainer(network, objective, FIT, len(IDS))
    trainer.run(Encoded(IDS, labels), Encoded(IDS, dev), folder, Counting())
    return network


@pytest.mark.parametrize(("weight", "believed"), [(1.0, EVEN), (0.0, 1 - EVEN)])
def test_the_weight_says_whom_to_believe(tmp_path: Path, weight: float, believed: Any) -> None:
    teacher = _fitted(tmp_path / "teacher", EVEN, EVEN, [_classifier(5)], 0.0)
    learner = _fitted(tmp_path / "learner", 1 - EVEN, believed, [teacher], weight)
    assert (np.argmax(learner(np.array(IDS)), axis=-1) == believed).mean() > 0.9


def test_teachers_are_averaged() -> None:
    objective, ids = Labels(2, 0.0), tf.constant(np.array(IDS[:4]))
    learner, *teachers = map(_classifier, (1, 2, 3))
    output, labels = learner(ids), tf.constant(EVEN[:4])
    beliefs = [objective.belief(one, ids, one(ids)) for one in teachers]
    expected = -np.mean(
        np.sum(
            sum(beliefs) / 2 * np.log(np.exp(output) / np.exp(output).sum(axis=-1, keepdims=True)),
            axis=-1,
        )
    )
    loss = Taught(objective, teachers, DistilConfig(weight=1.0)).loss(learner, ids, output, labels)
    assert float(loss) == pytest.approx(float(expected), abs=1e-5)


def test_a_taggers_belief_is_its_marginals_and_padding_counts_nothing() -> None:
    network, objective = _tagger(1), Tags(("B", "E", "M", "S"))
    other = _tagger(2)
    ids = tf.constant(SENTENCE)
    belief = objective.belief(network, ids, network(ids))
    np.testing.assert_allclose(np.sum(belief, axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(belief[0, 0, 1:3], 0, atol=1e-6)  # no word begins with E or M
    own = objective.disbelief(network, ids, network(ids), belief)
    assert float(own) < float(objective.disbelief(other, ids, other(ids), belief))
    short = tf.constant(SENTENCE[:, :3])
    alone = objective.disbelief(network, short, network(short), belief[:, :3])
    assert float(own) == pytest.approx(float(alone), abs=1e-5)


def _request(folder: Path, **changed: Any) -> run.Request:
    lines = '{"text": "good film", "label": "x"}\n{"text": "bad film", "label": "y"}\n' * 8
    (folder / "texts.jsonl").write_text(lines)
    config = Config(
        tokenizer=TokenizerConfig(vocabulary=50, min_frequency=1),
        encoder=TextCNNConfig(length=8, embedding=4, filters=4, widths=(1,)),
        fit=FitConfig(epochs=2, batch_size=8),
        distil=DistilConfig(teachers=2),
    )
    files = (folder / "texts.jsonl",)
    facts = {"name": "toy", "task": Task.SENTIMENT, "lang": "en", "train": files, "dev": files}
    return run.Request(**facts, config=config, out=folder / "v", **changed)


def test_a_training_with_teachers_makes_one_network_and_leaves_no_teacher(tmp_path: Path) -> None:
    observer = Counting()
    run.train(_request(tmp_path), observer)
    assert observer.steps == 3 * 2 * 2
    artifact.verify(tmp_path / "v")
    left = {path.name for path in (tmp_path / "v.training").iterdir()}
    assert left == {workspace.CURVE, workspace.CONFUSION, workspace.EVENTS}


def test_a_resumed_training_keeps_its_teachers(tmp_path: Path) -> None:
    class StoppedError(Exception):
        """The machine goes down."""

    class Stopping(Counting):
        def step(self, done: int, total: int) -> None:
            super().step(done, total)
            if self.steps == 9:
                raise StoppedError

    with pytest.raises(StoppedError):
        run.train(_request(tmp_path), Stopping())
    observer = Counting()
    run.train(_request(tmp_path, resume=True), observer)
    assert observer.steps == 4
