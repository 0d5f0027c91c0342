"""Word vectors of a sentence encoder: BERT's formula in NumPy, the file's format, the digest."""

import gzip
import json
from hashlib import sha256
from math import erf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from models.training import sentence_encoder
from models.training.sentence_encoder import HEADS, LAYERS, SentenceEncoder
from schemas.errors import ArtifactError

WIDTH, INNER = 2 * HEADS, 30
WORDS = ("tea", "cup", "old", "fox")
RANDOM = np.random.default_rng(5)


def _weights() -> dict[str, Any]:
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (8, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
        parts = [f"attention.self.{one}" for one in ("query", "key", "value")]
        for part in (*parts, "attention.output.dense"):
            shapes |= {f"{name}.{part}.weight": (WIDTH, WIDTH), f"{name}.{part}.bias": (WIDTH,)}
        shapes |= {f"{name}.intermediate.dense.weight": (INNER, WIDTH)}
        shapes |= {f"{name}.intermediate.dense.bias": (INNER,)}
        shapes |= {f"{name}.output.dense.weight": (WIDTH, INNER)}
        shapes |= {f"{name}.output.dense.bias": (WIDTH,)}
    shapes |= {f"{name}.{one}": (WIDTH,) for name in norms for one in ("weight", "bias")}
    return {name: RANDOM.normal(0, 0.5, shape).astype("float32") for name, shape in shapes.items()}


WEIGHTS = _weights()


def _encoder() -> SentenceEncoder:
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, "tea"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return SentenceEncoder(WEIGHTS, words)


def _dense(states: Any, name: str) -> Any:
    return states @ WEIGHTS[f"{name}.weight"].T + WEIGHTS[f"{name}.bias"]


def _norm(states: Any, name: str) -> Any:
    centred = states - states.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * WEIGHTS[f"{name}.weight"]
        + WEIGHTS[f"{name}.bias"]
    )


def _attention(states: Any, name: str) -> Any:
    query, key, value = (_dense(states, f"{name}.{one}") for one in ("query", "key", "value"))
    heads = []
    for head in range(HEADS):
        part = slice(2 * head, 2 * head + 2)
        scores = np.exp(query[:, part] @ key[:, part].T / np.sqrt(2))
        heads.append(scores / scores.sum(1, keepdims=True) @ value[:, part])
    return np.concatenate(heads, axis=1)


def _reference(text: str) -> Any:
    """One text alone: no mask is needed."""
    ids = [WORDS.index(word) for word in text.split()]
    states = WEIGHTS["embeddings.word_embeddings.weight"][ids]
    states = states + WEIGHTS["embeddings.position_embeddings.weight"][: len(ids)]
    states = states + WEIGHTS["embeddings.token_type_embeddings.weight"][0]
    states = _norm(states, "embeddings.LayerNorm")
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        seen = _dense(
            _attention(states, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        states = _norm(states + seen, f"{name}.attention.output.LayerNorm")
        inner = _dense(states, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        states = _norm(states + _dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = states.mean(0)
    return mean / np.linalg.norm(mean)


def test_it_is_bert_and_company_changes_nothing() -> None:
    texts = ["tea", "old fox cup tea", "fox fox", "cup"]
    found = _encoder().encode(texts)
    assert found == pytest.approx(np.stack([_reference(text) for text in texts]), abs=1e-4)


def test_words_come_once_in_lower_case() -> None:
    assert sentence_encoder.words_of(["Tea, don't", "TEA 9.30"]) == [
        *("tea", ",", "do", "n't", "9.30")
    ]


def test_principal_components_keep_the_distances() -> None:
    flat = RANDOM.normal(size=(50, 3)) @ RANDOM.normal(size=(3, 9))
    found = sentence_encoder.principal(flat.astype("float32"), 3)
    near = np.linalg.norm(found[0] - found[1]) / np.linalg.norm(flat[0] - flat[1])
    far = np.linalg.norm(found[7] - found[9]) / np.linalg.norm(flat[7] - flat[9])
    assert near == pytest.approx(far, rel=1e-4)
    assert found.std() == pytest.approx(0.05, rel=1e-4)


def test_tensors_are_read_and_another_file_is_refused(tmp_path: Path) -> None:
    header = json.dumps(
        {
            "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
            "n": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]},
        }
    ).encode()
    data = np.arange(4, dtype="<f4").tobytes() + bytes(8)
    path = tmp_path / "some.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    found = sentence_encoder.read_tensors(path, sha256(path.read_bytes()).hexdigest())
    assert {name: one.tolist() for name, one in found.items()} == {"a": [[0, 1], [2, 3]]}
    with pytest.raises(ArtifactError, match="digest"):
        sentence_encoder.read_tensors(path, sentence_encoder.DIGEST)


def test_vectors_are_written_as_glove_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SentenceEncoder, "load", lambda _: _encoder())
    monkeypatch.setattr(sentence_encoder, "directory", lambda: tmp_path)
    sentence_encoder.write(
        tmp_path / "cache" / "words.txt.gz", ("tea-cup", "old-fox", "fox-cup"), 2
    )
    lines = gzip.decompress((tmp_path / "cache" / "words.txt.gz").read_bytes()).decode().split("\n")
    assert [line.split()[0] for line in lines] == ["tea-cup", "old-fox", "fox-cup"]
    assert {len(line.split()) for line in lines} == {3}
