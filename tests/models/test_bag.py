"""The bag against its formula, and what hashed n-grams of tokens and of characters are good for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import catalog
from models.encoders.bag import BagConfig
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.text.features import FeatureConfig
from models.text.tokenizer import Tokenizer
from models.text.units import Spelt
from models.training import batches, courses
from models.training.config import Config, TokenizerConfig
from models.training.courses import Sources
from schemas.errors import SettingsError
from schemas.model_version import Language

CHARACTERS = FeatureConfig(characters=(3, 4), buckets=4096, embedding=16)
MIXED = FeatureConfig(characters=(2, 3), suffixes=(1,), pairs=True, buckets=50, embedding=3)
TEXTS = ("a red fox", "fox", "the red red foxes ran to the hill")


def _network(encoder: catalog.EncoderConfig, vocabulary: int, classes: int = 3) -> keras.Model:
    keras.utils.set_random_seed(1)
    return catalog.build(
        catalog.Architecture(
            vocabulary=vocabulary, classes=classes, encoder=encoder, head=ClassificationConfig()
        )
    )


def _weights(network: keras.Model, layer: str) -> Any:
    return network.get_layer(layer).get_weights()[0]


def test_a_bag_is_the_means_of_its_vectors() -> None:
    encoder = BagConfig(embedding=5, ngrams=(2,), ngram_buckets=40, ngram_embedding=4)
    network, ids = _network(encoder, 20), np.array([[3, 7, 3, 0, 0], [9, 0, 0, 0, 0]])
    kernel, bias = network.get_layer("logits").get_weights()
    for row, pairs in ((0, [(3, 7), (7, 3), (3, 0)]), (1, [(9, 0)])):
        buckets = [(one * 31_337 + other) % 65_521 % 40 for one, other in pairs]
        tokens = _weights(network, "tokens")[ids[row][ids[row] > 0]].mean(axis=0)
        ngrams = _weights(network, "ngram_2")[buckets].mean(axis=0)
        expected = np.concatenate([tokens, ngrams]) @ kernel + bias
        np.testing.assert_allclose(network(ids).numpy()[row], expected, atol=1e-5)


def test_a_token_has_the_mean_of_its_characters_beside_it() -> None:
    tokenizer = Tokenizer.fit(TEXTS, 50, 1, "word")
    (ids,) = Spelt(tokenizer, MIXED).encode(["fox zz"])
    encoder = BagConfig(embedding=5, ngrams=(), features=MIXED)
    network = _network(encoder, tokenizer.size)
    table, (kernel, bias) = _weights(network, "features"), network.get_layer("logits").get_weights()
    vectors = []
    for number, *columns in ids:
        grams = [column for column in columns[: MIXED.spread] if column]
        others = table[columns[MIXED.spread :]].reshape(-1)
        token = _weights(network, "tokens")[number]
        vectors.append(np.concatenate([token, table[grams].mean(axis=0), others]))
    expected = np.mean(vectors, axis=0) @ kernel + bias
    np.testing.assert_allclose(network(ids[None]).numpy()[0], expected, atol=1e-5)


def test_spellings_are_those_of_the_text() -> None:
    tokenizer = Tokenizer.fit(TEXTS, 50, 1, "word")
    known, unknown, none = tokenizer.spelt(["The  ＦＯＸ ran", "zork!", ""])
    assert known[1] == ["The", "FOX", "ran"]
    assert [known[0], unknown[0]] == [
        tokenizer.encode([text])[0].tolist() for text in ("The fox ran", "zork!")
    ]
    assert unknown[1] == ["zork", "!"]
    assert none[1] == [""]


def test_like_spellings_share_n_grams() -> None:
    tokenizer = Tokenizer.fit(TEXTS, 50, 1, "word")
    (rows,) = Spelt(tokenizer, CHARACTERS).encode(["hotel hotels butter a incomprehensibilities"])
    hotel, hotels, butter, short, long = ({*row[1:]} - {0} for row in rows)
    assert len(hotel) == 5 + 4
    assert len(hotel & hotels) > len(hotel) / 2
    assert not hotel & butter
    assert len(short) == 1
    assert len(long) == 12 + 11 - 1, "the first twelve letters and one edge"


def _write(path: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in pairs))
    return path


def _accuracy(
    folder: Path,
    lang: Language,
    encoder: catalog.EncoderConfig,
    unit: Any = None,
    lexicon: Path | None = None,
) -> float:
    """Learn `train.jsonl` by heart; return the accuracy on `dev.jsonl`."""
    config = Config(encoder=encoder, tokenizer=TokenizerConfig(min_frequency=1, unit=unit))
    train, dev = (folder / f"{split}.jsonl" for split in ("train", "dev"))
    sources = Sources(train=(train,), dev=(dev,), lang=lang, lexicon=lexicon)
    course = courses.prepare(sources, config)
    network = _network(encoder, course.tokenizer.size, len(course.labels))
    adam = keras.optimizers.Adam(0.02)
    adam.build(network.trainable_variables)
    (batch,) = batches.by_length(course.train, len(course.train.ids))

    @tf.function
    def step(ids: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            loss = course.objective.loss(network, ids, network(ids, training=True), labels)
        variables = network.trainable_variables
        adam.apply(tape.gradient(loss, [one.value for one in variables]), variables)

    for _ in range(60):
        step(tf.constant(batch.ids), tf.constant(batch.labels))
    (unseen,) = batches.by_length(course.dev, len(course.dev.ids))
    decided = course.objective.decide(network, unseen.ids).numpy()
    return course.objective.scores([(unseen, decided)])["accuracy"]


TRIPS, MEALS = ("flight", "hotel", "ticket", "luggage"), ("coffee", "sugar", "butter", "sandwich")
WRONG = {
    "trip": ("fligth", "flights", "hotell", "tikcet", "lugage", "tickets"),
    "meal": ("cofee", "coffees", "sugarr", "buttter", "sandwhich", "sandwiches"),
}


@pytest.mark.parametrize("encoder", [BagConfig, TextCNNConfig])
def test_characters_know_words_that_are_spelt_wrongly(encoder: Any, tmp_path: Path) -> None:
    spelt = {"trip": TRIPS, "meal": MEALS}
    for split, words in (("train", spelt), ("dev", WRONG)):
        pairs = [
            (f"{begin} a {word}", label)
            for label, forms in words.items()
            for word in forms
            for begin in ("i need", "get me", "where is")
        ]
        _write(tmp_path / f"{split}.jsonl", pairs)
    small = {"embedding": 16} | (
        {"widths": (1,), "filters": 16} if encoder is TextCNNConfig else {}
    )
    without = _accuracy(tmp_path, "en", encoder(**small), "word")
    knowing = _accuracy(tmp_path, "en", encoder(**small, features=CHARACTERS))
    assert without == 0.5, "all are unknown words"
    assert knowing > 0.9


def test_n_grams_know_the_order_of_characters(tmp_path: Path) -> None:
    pairs = [
        (f"{one}{word}{two}", word)
        for word in ("人大", "大人")
        for one in "我你他她"
        for two in "来去说看"
    ]
    _write(tmp_path / "train.jsonl", pairs[::2])
    _write(tmp_path / "dev.jsonl", pairs[1::2])
    small = {"embedding": 16, "ngram_embedding": 16}
    assert _accuracy(tmp_path, "zh", BagConfig(**small, ngrams=()), "character") == 0.5
    assert _accuracy(tmp_path, "zh", BagConfig(**small), "character") == 1.0


JUDGED: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "good": ("great", "lovely", "fine", "splendid", "superb", "delightful"),
        "bad": ("awful", "poor", "dull", "dreadful", "lousy", "horrible"),
    },
    "zh": {
        "good": ("干净", "舒服", "热情", "整洁", "漂亮", "安静"),
        "bad": ("肮脏", "破旧", "冷淡", "吵闹", "糟糕", "难闻"),
    },
}


@pytest.mark.parametrize(("lang", "text"), [("en", "a {} room"), ("zh", "房间很{}啊")])
def test_a_lexicon_knows_words_that_no_training_text_has(
    lang: Language, text: str, tmp_path: Path
) -> None:
    judged = [(word, kind) for kind, words in JUDGED[lang].items() for word in words]
    shown = [(text.format(word), kind) for word, kind in judged]
    seen = [number % 6 < 3 for number in range(len(shown))]
    _write(
        tmp_path / "train.jsonl", [pair for pair, known in zip(shown, seen, strict=True) if known]
    )
    _write(
        tmp_path / "dev.jsonl", [pair for pair, known in zip(shown, seen, strict=True) if not known]
    )
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("".join(f"{word} 1 {kind}\n" for word, kind in judged))
    features = FeatureConfig(kinds=True, lexicon=2, buckets=256, embedding=8)
    assert _accuracy(tmp_path, lang, BagConfig(embedding=16), "word") <= 0.7
    knowing = BagConfig(embedding=16, features=features)
    assert _accuracy(tmp_path, lang, knowing, lexicon=lexicon) == 1.0


@pytest.mark.parametrize(
    ("features", "lexicon", "message"),
    [
        (CHARACTERS, None, 'unit = "word"'),
        (FeatureConfig(), Path("words.txt"), "go together"),
        (FeatureConfig(kinds=True), None, "go together"),
    ],
)
def test_what_does_not_fit_is_refused(
    features: FeatureConfig, lexicon: Path | None, message: str, tmp_path: Path
) -> None:
    path = _write(tmp_path / "train.jsonl", [("a", "x"), ("b", "y")])
    unit = "subword" if features.characters else None
    config = Config(encoder=BagConfig(features=features), tokenizer=TokenizerConfig(unit=unit))
    sources = Sources(train=(path,), dev=(path,), lang="en", lexicon=lexicon)
    with pytest.raises(SettingsError, match=message):
        courses.prepare(sources, config)
