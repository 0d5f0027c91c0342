"""First vectors from raw text: like company, like vectors."""

import json
from pathlib import Path

import numpy as np
import pytest

from models import catalog
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.text.features import FeatureConfig
from models.text.tokenizer import Tokenizer
from models.text.words import WordTokenizer
from models.training import raw_text, unlabelled


def test_tokens_in_like_company_have_like_vectors(tmp_path: Path) -> None:
    texts = ["我在北方吃饭", "他在南方吃饭", "我看书", "他看报", "好"] * 5
    rows = [json.dumps({"text": text}) for text in texts[:12]]
    rows += [json.dumps({"tokens": list(text), "lang": "zh"}) for text in texts[12:]]
    rows.append(json.dumps({"text": "北 南", "lang": "en"}))
    (tmp_path / "raw.jsonl").write_text("\n".join(rows))
    read = list(unlabelled.read([tmp_path / "raw.jsonl"], "zh"))
    assert read == texts
    tokenizer = WordTokenizer.fit([list(text) for text in texts], "character", 100)
    encoder = RecurrentConfig(
        embedding=6, units=3, features=FeatureConfig(pairs=True, buckets=50, embedding=4)
    )
    network = catalog.build(
        catalog.Architecture(
            vocabulary=tokenizer.size, classes=2, encoder=encoder, head=TaggingConfig()
        )
    )
    raw_text.start(network, encoder, tokenizer, iter(read))
    vectors = network.get_layer("tokens").get_weights()[0]
    north, south, eat = (vectors[tokenizer.id(token)] for token in "北南吃")
    assert np.linalg.norm(north - south) < np.linalg.norm(north - eat) / 2
    assert np.abs(network.get_layer("features").get_weights()[0]).max() > 0


def test_a_classifier_starts_from_the_vectors_of_its_pieces() -> None:
    texts = ["we eat in the north", "they eat in the south", "we read books", "fine"] * 5
    tokenizer = Tokenizer.fit(texts, 100, 1)
    encoder = TextCNNConfig(embedding=6, filters=2, widths=(1,), ngrams=(2,), ngram_buckets=20)
    network = catalog.build(
        catalog.Architecture(
            vocabulary=tokenizer.size, classes=2, encoder=encoder, head=ClassificationConfig()
        )
    )
    raw_text.start(network, encoder, tokenizer, iter(texts))
    vectors = network.get_layer("tokens").get_weights()[0]
    north, south, eat = (
        vectors[tokenizer.encode([word])[0][0]] for word in ("north", "south", "eat")
    )
    assert np.linalg.norm(north - south) < np.linalg.norm(north - eat) / 2


def test_only_the_most_frequent_tokens_are_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_text, "_CONTEXTS", 2)
    texts = [np.array(ids, dtype=np.int32) for ids in ([3, 1, 3], [3, 4, 4])]
    assert list(raw_text._company(texts, 6)) == [2, 2, 2, 0, 1, 2]
