"""Beliefs on disk: whose they are, where they lie, and what is learnt of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf
from msgspec.structs import replace

from models import catalog
from models.compression import examples, written
from models.compression.lessons import lesson
from models.compression.order import Order
from models.compression.soft import Soft, matched
from models.compression.teachers import Asked, Belief, Teacher
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.live_model import LiveModel
from models.text.words import WordTokenizer
from models.training import batches, summarised
from models.training.batches import Encoded
from models.training.config import Config, DistilConfig, FitConfig
from models.training.objectives import Labels, softened
from models.training.summarised import Summarised
from schemas.errors import SettingsError
from tests.models import summarizer, tagger

IDS = np.array([[2, 3, 0], [4, 5, 6]], np.int32)


class Knowing:
    """A teacher of units who believes a first tag of known words, and sees letters in them."""

    def __init__(self, blank: str = " ") -> None:
        self._blank = blank

    def believe(self, asked: Iterator[Asked]) -> Iterator[Belief]:
        for one in asked:
            units = str(one).split(self._blank)
            known = np.array([[len(unit) / 10, 1 - len(unit) / 10] for unit in units], np.float32)
            yield Belief(known, np.array([[len(unit)] for unit in units], np.float32))


def _classifier() -> Any:
    keras.utils.set_random_seed(1)
    encoder = TextCNNConfig(embedding=4, filters=3, widths=(1,), dropout=0.0)
    head = ClassificationConfig(dropout=0.0)
    return catalog.build(catalog.Architecture(vocabulary=9, classes=2, encoder=encoder, head=head))


def test_softened_is_the_softmax_of_cooler_logits() -> None:
    logits = tf.constant([[2.0, 0.0, -1.0]])
    found = softened(tf.nn.softmax(logits), 4.0)
    np.testing.assert_allclose(found, tf.nn.softmax(logits / 4), atol=1e-6)


def test_a_text_without_a_label_learns_the_belief_alone() -> None:
    network, config = _classifier(), DistilConfig(weight=0.25, temperature=2.0)
    objective, beliefs = Soft(Labels(2, 0.0), network, config), tf.constant([[0.9, 0.1]] * 2)
    output = network(IDS)
    soft = tf.nn.softmax_cross_entropy_with_logits(softened(beliefs, 2.0), output / 2)
    believed = 0.25 * 4 * float(tf.reduce_mean(soft))
    raw = objective.loss(network, IDS, output, (tf.constant([-1, -1]), beliefs))
    assert float(raw) == pytest.approx(believed, abs=1e-5)
    labels = tf.constant([0, 1])
    hard = 0.75 * float(Labels(2, 0.0).loss(network, IDS, output, labels))
    both = objective.loss(network, IDS, output, (labels, beliefs))
    assert float(both) == pytest.approx(hard + believed, abs=1e-5)


def test_features_are_matched_by_a_map_that_is_thrown_away() -> None:
    network = _classifier()
    pair = matched(network, 5)
    answer, mapped = pair(IDS)
    np.testing.assert_allclose(answer, network(IDS), atol=1e-6)
    assert mapped.shape == (2, 5)
    labels, beliefs = tf.constant([0, 1]), tf.constant([[0.5, 0.5]] * 2)
    losses = [
        Soft(Labels(2, 0.0), network, DistilConfig(hidden=hidden)).loss(
            pair, IDS, [answer, mapped], (labels, beliefs, 2 * mapped)
        )
        for hidden in (0.0, 1.0)
    ]
    assert float(losses[1] - losses[0]) == pytest.approx(0.25, abs=1e-4)  # |x - 2x|^2 / |2x|^2


def test_a_tagger_learns_of_raw_texts_that_are_cut_alike(tmp_path: Path) -> None:
    tokenizer = WordTokenizer.fit([["a", "bb", "ccc", "dd"]], "word", 20, 1)
    encoder = RecurrentConfig(length=3, embedding=4, units=4)
    config = Config(encoder=encoder, head=TaggingConfig(), distil=DistilConfig(hidden=1.0))
    train = Encoded([np.array([[2], [3]], np.int32)], [np.array([0, 1], np.int32)])
    course = cast(Any, SimpleNamespace(train=train, tokenizer=tokenizer))
    raw = ["a ccc", "dd's ccc", "a bb ccc dd"]  # the teacher does not cut off 's
    teachers = cast(Sequence[Teacher], [Knowing(), Knowing()])
    found = lesson(course, config, teachers, ["a bb"], raw, tmp_path)
    assert [one[:, 0].tolist() for one in found.ids] == [
        [tokenizer.id(form) for form in text.split()] for text in ("a bb", "a ccc", "a bb ccc")
    ]
    fit = FitConfig(batch_size=2, hide_tokens=0.0)
    seen = {len(batch.ids): batch for batch in batches.epoch(found, fit, 0)}
    labels, beliefs, features = cast(Any, seen[1].labels)
    assert labels[0, :2].tolist() == [0, 1]
    np.testing.assert_allclose(beliefs[0, :2, 0], [0.1, 0.2], atol=1e-6)
    assert features.shape == (1, 8, 2)
    labels, beliefs, _ = cast(Any, seen[2].labels)
    assert labels[:, 0].tolist() == [-1, -1]
    assert not beliefs[:, 3:].any()


def test_a_tagging_teacher_believes_its_marginals_of_every_unit(tmp_path: Path) -> None:
    order = tuple(reversed(tagger.LABELS))
    teacher = Teacher(tagger.write(tmp_path, "en"), order)
    texts = list(tagger.TEXTS["en"])  # the last one is longer than the longest input
    found = list(teacher.believe(iter(texts)))
    parsed = teacher.model.parse_texts(texts)
    assert parsed[-1].windows
    for belief, one, answer in zip(found, parsed, teacher.model.predict_texts(texts), strict=True):
        assert belief.labels.shape == (len(one.ids), len(order))
        assert belief.features.shape == (len(one.ids), teacher.width)
        np.testing.assert_allclose(belief.labels.sum(axis=-1), 1, atol=1e-4)
        for span in answer.spans or () if not one.windows else ():
            first = next(at for at, word in enumerate(one.words) if word.start == span.start)
            assert belief.labels[first, order.index(f"B-{span.label}")] >= (span.score or 0) - 1e-4


def test_a_summarisers_student_learns_what_the_teacher_writes(tmp_path: Path) -> None:
    teacher, given = summarizer.write(tmp_path), tmp_path / "train.jsonl"
    lines = [Summarised(text, "a summary") for text in summarizer.TEXTS[:2]]
    examples.write(given, lines)
    examples.write(tmp_path / "raw.jsonl", [{"text": "The new mat under the old cat."}])
    order = Order(
        teachers=(teacher,), train=(given,), raw=(tmp_path / "raw.jsonl",), out=tmp_path, now=""
    )
    split = written.with_summaries(order, examples.Split(given, given), tmp_path)
    found = summarised.read([split.train])
    texts = [one.text for one in found]
    assert texts == [*summarizer.TEXTS[:2], *summarizer.TEXTS[:2], "The new mat under the old cat."]
    said = [one.summary for one in LiveModel.load(teacher).predict_texts(texts[2:])]
    assert [one.summary for one in found] == ["a summary", "a summary", *said]
    several = replace(order, teachers=(teacher, teacher))
    with pytest.raises(SettingsError, match="no mean"):
        written.with_summaries(several, split, tmp_path)
