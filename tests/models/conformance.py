"""What every model of the catalog must do, at toy size: the subjects of `test_conformance`.

A new encoder or head is one entry of `ENCODERS` or `HEADS` here; `ROWS` then holds every encoder
with every head that it can serve.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, get_args

import keras
import numpy as np
import tensorflow as tf

from models import catalog
from models.encoders.bag import BagConfig
from models.encoders.dialogue import DialogueConfig
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.heads.extraction import ExtractionConfig
from models.heads.summarization import SummarizationConfig
from models.heads.tagging import TaggingConfig
from models.live_model import LiveModel
from models.text.features import FeatureConfig
from models.training import batches, courses
from models.training.batches import Batch
from models.training.config import Config, FitConfig, TokenizerConfig
from models.training.courses import Sources
from schemas.model_version import Manifest
from schemas.question import Question
from schemas.task import Task
from tests.models import toy_version

EXAMPLES = 32
_WORDS = ("tea", "cup", "two", "old", "red", "fox", "ran", "far", "hill", "rain")
_FEATURES = FeatureConfig(suffixes=(2,), pairs=True, buckets=64, embedding=4)


def _recurrent(cell: Any, bidirectional: bool) -> RecurrentConfig:
    return RecurrentConfig(
        cell=cell,
        bidirectional=bidirectional,
        embedding=12,
        units=12,
        dropout=0.0,
        features=_FEATURES,
    )


ENCODERS: dict[str, catalog.EncoderConfig] = {
    "textcnn": TextCNNConfig(embedding=12, filters=8, widths=(2, 3), ngrams=(2,), dropout=0.0),
    **{
        f"{cell}-{'both' if both else 'one'}": _recurrent(cell, both)
        for cell in ("rnn", "gru", "lstm")
        for both in (False, True)
    },
    "transformer": TransformerConfig(
        embedding=16, layers=1, heads=2, feed_forward=24, dropout=0.0, features=_FEATURES
    ),
    "bag": BagConfig(
        embedding=12,
        ngrams=(2,),
        ngram_embedding=6,
        dropout=0.0,
        features=FeatureConfig(characters=(3,), suffixes=(2,), buckets=64, embedding=6),
    ),
    "dialogue": DialogueConfig(
        turns=3, embedding=12, heads=2, feed_forward=16, memory=12, dropout=0.0
    ),
}


def _any_encoder(encoder: catalog.EncoderConfig) -> bool:
    return True


def _of_tokens(encoder: catalog.EncoderConfig) -> bool:
    return isinstance(encoder, catalog.TokenEncoderConfig)


def _one_of_a_kind(encoder: catalog.EncoderConfig) -> bool:
    """Every cell gives a head the like vectors, and tagging tries them all: two are enough here."""
    return encoder in (_recurrent("gru", True), ENCODERS["transformer"])


def _labelled(random: np.random.Generator) -> dict[str, object]:
    """A text of one to nine words, what was said before, and a label to be learnt by heart."""
    words = random.choice(_WORDS, random.integers(1, 10))
    context = [str(random.choice(_WORDS)) for _ in range(random.integers(3))]
    label = str(random.choice(["a", "b", "c"]))
    return {"text": " ".join(words), "context": context, "label": label}


def _tagged(random: np.random.Generator) -> dict[str, object]:
    """A sentence of one to nine words, some of them places of one or two words."""
    tokens: list[str] = []
    tags: list[str] = []
    for word in random.choice(_WORDS, random.integers(1, 10)):
        place = tags[-1:] not in (["B-LOC"], ["I-LOC"]) and random.random() < 0.3
        tags.append("B-LOC" if place else "I-LOC" if tags[-1:] == ["B-LOC"] else "O")
        tokens.append(f"{word}ton" if tags[-1] != "O" else str(word))
    return {"tokens": tokens, "tags": tags}


def _summarised(random: np.random.Generator) -> dict[str, object]:
    """A document of one to five sentences, and the one of them that says what the fox did."""
    sentences = [" ".join(random.choice(_WORDS[:5], 3)) for _ in range(random.integers(5))]
    summary = f"fox {random.choice(_WORDS[6:])} {random.choice(_WORDS[6:])}"
    sentences.insert(int(random.integers(len(sentences) + 1)), summary)
    return {"text": "".join(f"{one.capitalize()}. " for one in sentences), "summary": summary}


class Head(NamedTuple):
    """A head at toy size, its training lines, and which encoders serve it."""

    config: catalog.HeadConfig
    task: Task
    line: Callable[[np.random.Generator], dict[str, object]]
    serves: Callable[[catalog.EncoderConfig], bool]


HEADS: dict[str, Head] = {
    "classification": Head(
        ClassificationConfig(dropout=0.0), Task.CLASSIFICATION, _labelled, _any_encoder
    ),
    "tagging": Head(TaggingConfig(), Task.TAGGING, _tagged, _of_tokens),
    "summarization": Head(
        SummarizationConfig(units=12, dropout=0.0, shortest=1, longest=5, beams=2, ngram=2),
        Task.SUMMARIZATION,
        _summarised,
        _one_of_a_kind,
    ),
    "extraction": Head(
        ExtractionConfig(units=8, facts=4, dropout=0.0, sentences=1),
        Task.SUMMARIZATION,
        _summarised,
        _one_of_a_kind,
    ),
}

ROWS = [
    (encoder, head)
    for head, row in HEADS.items()
    for encoder, config in ENCODERS.items()
    if row.serves(config)
]


def kinds() -> set[type]:
    """Return the configurations of all encoders and heads that a recipe may name."""
    return {*get_args(catalog.EncoderConfig), *get_args(catalog.PlainHeadConfig)}


class Subject:
    """One encoder with one head, learning and answering `EXAMPLES` toy examples."""

    def __init__(self, encoder: str, head: str, folder: Path) -> None:
        self._folder, self._head = folder, HEADS[head]
        random, path = np.random.default_rng(5), folder / "train.jsonl"
        rows = [json.dumps(self._head.line(random)) for _ in range(EXAMPLES)]
        path.write_text("\n".join(rows))
        self._config = Config(
            encoder=ENCODERS[encoder],
            head=self._head.config,
            tokenizer=TokenizerConfig(vocabulary=80, min_frequency=1),
            fit=FitConfig(label_smoothing=0.0),
        )
        self.course = courses.prepare(Sources(train=(path,), dev=(path,), lang="en"), self._config)
        self.architecture = catalog.Architecture(
            vocabulary=self.course.tokenizer.size,
            classes=len(self.course.labels),
            encoder=self._config.encoder,
            head=self._config.head,
        )
        keras.utils.set_random_seed(1)
        self.network = catalog.build(self.architecture)

    @cached_property
    def batch(self) -> Batch:
        """All examples, padded to the longest."""
        (batch,) = batches.by_length(self.course.train, EXAMPLES)
        return batch

    @cached_property
    def questions(self) -> list[Question]:
        """Different examples, the shortest and the longest among them."""
        by_length = sorted(set(self.course.questions()), key=lambda one: len(one.text))
        return [*by_length[::8], by_length[-1]]

    def slopes(self, network: Any) -> tuple[float, dict[str, Any]]:
        """Return the loss of all examples and its gradient by each weight, in float32."""
        loss, slopes = self._slopes(network, *self._tensors())
        paths = [variable.path for variable in network.trainable_variables]
        return float(loss), {
            path: None if slope is None else tf.cast(tf.convert_to_tensor(slope), tf.float32)
            for path, slope in zip(paths, slopes, strict=True)
        }

    @cached_property
    def first(self) -> tuple[float, dict[str, Any]]:
        """Loss and gradient of the network as it begins."""
        return self.slopes(self.network)

    def loss_of(self, batch: Batch) -> tuple[float, float]:
        """Return the mean loss of a batch, and over how many texts or tokens it is the mean."""
        ids, labels = tf.nest.map_structure(tf.convert_to_tensor, (batch.ids, batch.labels))
        output = tf.nest.map_structure(_as_float32, self.network(ids, training=True))
        objective = self.course.objective
        loss = objective.loss(self.network, ids, output, labels)
        return float(loss), float(objective.count(ids, labels))

    def learn(self, rate: float, most: int) -> float:
        """Train on all examples until all are right, `most` steps at most; return the score."""
        network, objective = self.network, self.course.objective
        adam = keras.optimizers.Adam(rate)
        adam.build(network.trainable_variables)
        tensors, score = self._tensors(), 0.0
        step = tf.function(
            lambda *both: adam.apply(self._slopes(network, *both)[1], network.trainable_variables)
        )
        with _unoptimised():
            for number in range(1, most + 1):
                step(*tensors)
                if score == 1.0:
                    break
                if number % 20 == 0:
                    decided = tf.nest.map_structure(
                        np.asarray, objective.decide(network, tensors[0])
                    )
                    score = objective.scores([(self.batch, decided)])[objective.metric]
        return score

    @cached_property
    def saved(self) -> Path:
        """A version directory; its samples are what the network answered before, not traced."""
        network = catalog.build(self.architecture)
        network.set_weights([weight * 2 for weight in network.get_weights()])
        manifest = Manifest(
            name="toy",
            task=self._head.task,
            languages=("en",),
            labels=self.course.labels,
            max_length=self._config.encoder.length,
            architecture=self.architecture.as_manifest(),
            files={},
        )
        model = LiveModel(manifest, self.course.tokenizer, network)
        with _eagerly():
            answered = list(zip(self.questions, model.ask(self.questions), strict=True))
        return toy_version.save(self._folder, manifest, self.course.tokenizer, network, answered)

    @cached_property
    def live(self) -> LiveModel:
        """The version loaded again."""
        return LiveModel.load(self.saved)

    def _tensors(self) -> Any:
        return tf.nest.map_structure(tf.convert_to_tensor, (self.batch.ids, self.batch.labels))

    def _slopes(self, network: Any, ids: Any, labels: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            output = tf.nest.map_structure(_as_float32, network(ids, training=True))
            loss = self.course.objective.loss(network, ids, output, labels)
        weights = [variable.value for variable in network.trainable_variables]
        return loss, tape.gradient(loss, weights)


def _as_float32(output: Any) -> Any:
    return tf.cast(output, tf.float32) if output.dtype.is_floating else output


@contextmanager
def _eagerly() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@contextmanager
def _unoptimised() -> Iterator[None]:
    """Run graphs as they were traced: to make them faster costs more than a few steps."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
