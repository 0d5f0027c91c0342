"""A summarising version: the batch contract, copied words, a single trace; and it learns."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import catalog
from models.answering.summaries import SummaryAnswerer
from models.heads import summarization
from models.live_model import LiveModel
from models.text.copying import extended, read, unknown
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer
from schemas.errors import ArtifactError
from schemas.model_version import Manifest
from schemas.task import Task
from tests.models import summarizer
from tests.models.summarizer import ENCODER, HEAD, TEXTS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LiveModel:
    return LiveModel.load(summarizer.write(tmp_path_factory.mktemp("summaries")))


def test_a_loaded_version_gives_the_answers_it_gave_when_it_was_made(model: LiveModel) -> None:
    model.check_samples()
    answers = model.predict_texts(TEXTS)
    assert len({answer.summary for answer in answers}) == len(TEXTS)
    for text, answer in zip(TEXTS, answers, strict=True):
        assert bool(answer.summary) == bool(text)
        assert 0 <= (answer.score if answer.score is not None else -1) <= 1
        assert answer.label is None
        assert answer.spans is None


def test_a_text_has_one_answer_alone_and_in_any_batch(model: LiveModel) -> None:
    together = model.predict_texts(TEXTS * 3)
    for number, answer in enumerate(together):
        alone = model.predict_texts([TEXTS[number % len(TEXTS)]])[0]
        assert model.answerer.agree(alone, answer)


@pytest.mark.parametrize(("length", "rows"), [(40, 1), (64, 3)])
def test_padding_never_changes_an_answer(model: LiveModel, length: int, rows: int) -> None:
    for text in TEXTS:
        parsed = model.parse_texts([text])
        (tight,) = model.predict(model.features(parsed, len(parsed[0].ids), 1))
        (padded,) = model.predict(model.features(parsed, length, rows))
        assert model.answerer.agree(tight, padded)


def test_one_trace_whatever_the_shape(model: LiveModel) -> None:
    model.warm_up([(8, 1), (32, 4)])
    model.predict_texts(TEXTS)
    assert model.traces == 1


def test_a_long_text_is_cut_and_says_so(model: LiveModel) -> None:
    (answer,) = model.predict_texts(["word " * 50])
    assert (answer.tokens, answer.truncated) == (50, True)


def test_a_summary_keeps_the_limits(model: LiveModel) -> None:
    outputs = [array.numpy() for array in model.answerer.run(_ids(model, TEXTS))]
    for row in outputs[0]:
        said = [number for number in row if number]
        assert HEAD.shortest <= len(said) <= HEAD.longest
        assert not any(row[len(said) :])
        pairs = list(pairwise(said))
        assert len(set(pairs)) == len(pairs)
        assert 1 not in said


def _ids(model: LiveModel, texts: "tuple[str, ...]") -> Any:
    parsed = model.parse_texts(texts)
    return tf.constant(model.features(parsed, ENCODER.length, len(texts)).ids)


def test_numbers_are_spelt_as_the_source_spells_them(model: LiveModel) -> None:
    text = "In MoSCoW the Zyx-7 costs $5."
    (parsed,) = model.parse_texts([text])
    answerer = model.answerer
    assert isinstance(answerer, SummaryAnswerer)
    numbers = parsed.ids[:, -1]
    (answer,) = answerer.decode([numbers[None], np.array([0.5])], [parsed])
    assert answer.summary == text
    assert len({int(number) for number in numbers}) == len(parsed.words)
    (answer,) = answerer.decode([numbers[None, 1:3], np.array([0.5])], [parsed])
    assert answer.summary == "MoSCoW the"


def test_a_tokenizer_of_texts_is_refused(version: Path) -> None:
    with pytest.raises(ArtifactError, match="not a tokenizer"):
        SummaryAnswerer.load(version / "tokenizer.json")


class _Toy:
    """A network that learns to copy what stands after `about`, words it never saw included."""

    def __init__(self) -> None:
        pairs = summarizer.lines(256, seed=1)
        self.tokenizer = WordTokenizer.fit([one.split() for one, _ in pairs], "word", 40, 3)
        architecture = catalog.Architecture(
            vocabulary=self.tokenizer.size, classes=0, encoder=ENCODER, head=HEAD
        )
        keras.utils.set_random_seed(2)
        self.network = catalog.build(architecture)
        self.ids, self.summaries = self._encoded(pairs)
        self._optimizer = keras.optimizers.Adam(0.02)
        self._learn = tf.function(self._step, reduce_retracing=True)
        self.manifest = Manifest(
            name="toy",
            task=Task.SUMMARIZATION,
            languages=("en",),
            labels=(),
            max_length=ENCODER.length,
            architecture=architecture.as_manifest(),
            files={},
        )

    def loss(self, ids: Any, summaries: Any) -> Any:
        memory = self.network(ids, training=True)
        gained, _, counts = summarization.teach(self.network, ids, memory, summaries)
        return -tf.reduce_sum(gained * counts) / tf.reduce_sum(counts)

    def epoch(self) -> float:
        order = np.random.default_rng(1).permutation(len(self.ids)).reshape(-1, 32)
        return float(np.mean([self._learn(self.ids[at], self.summaries[at]) for at in order]))

    def _step(self, ids: Any, summaries: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = self.loss(ids, summaries)
        weights = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, [one.value for one in weights]), weights)
        return loss

    def _encoded(self, pairs: "list[tuple[str, str]]") -> "tuple[Any, Any]":
        ids = np.zeros((len(pairs), 12, 2), np.int32)
        summaries = np.zeros((len(pairs), 2), np.int32)
        for row, (text, summary) in enumerate(pairs):
            words = self.tokenizer.split(text)
            one = read(words, self.tokenizer, FeatureConfig())
            ids[row, : len(one)] = one
            new = unknown((word.form for word in words), self.tokenizer)
            summaries[row] = list(extended(summary.split(), new, self.tokenizer))
        return ids, summaries


@pytest.fixture(scope="module")
def toy() -> _Toy:
    return _Toy()


def test_the_gradient_reaches_every_weight(toy: _Toy) -> None:
    with tf.GradientTape() as tape:
        loss = toy.loss(toy.ids[:64], toy.summaries[:64])
    weights = toy.network.trainable_variables
    gradients = tape.gradient(loss, [one.value for one in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def test_from_scratch_it_learns_to_copy_words_it_never_saw(toy: _Toy) -> None:
    losses = [toy.epoch() for _ in range(12)]
    assert losses[-1] < losses[0] / 5
    pairs = summarizer.lines(40, seed=99)
    answers = LiveModel(toy.manifest, toy.tokenizer, toy.network).predict_texts(
        [text for text, _ in pairs]
    )
    right = sum(
        (answer.summary or "").lower() == summary
        for answer, (_, summary) in zip(answers, pairs, strict=True)
    )
    assert right >= 36
