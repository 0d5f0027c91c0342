"""First vectors from raw text: what a token keeps company with, counted, before any training.

For every token, and for every pair of neighbours where the recipe hashes pairs, the tokens at one
and two places to each side are counted, weighed by distance, turned into positive pointwise mutual
information and squeezed to the size of the embedding by a truncated singular value decomposition
(Levy & Goldberg 2014; Halko et al. 2011). It takes half a minute of counting and helps a corpus of
a few thousand sentences a little; the figure is in ARCHITECTURE.md.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalog import EncoderConfig, features_of
from models.text.features import FeatureConfig, columns
from models.text.tokenizer import Ids, Tokenizer
from models.text.units import Spelt
from models.text.words import WordTokenizer
from models.training.spool import Spool

_REACH = (1, 2)
_CONTEXTS = 1000  # most frequent tokens of the raw texts, which count as company
_SCALE = 0.05  # standard deviation of a fresh embedding in Keras

Table = NDArray[np.float32]


def start(
    network: Any,
    encoder: EncoderConfig,
    tokenizer: Tokenizer | WordTokenizer,
    texts: Iterable[str],
    folder: Path | None = None,
) -> None:
    """Put the first vectors into the embeddings of `network`, a classifier or a tagger.

    Encoded texts are kept in `folder`; None: the system's folder for temporary files.
    """
    features = features_of(encoder)
    tokens = np.zeros((tokenizer.size, 2 * _CONTEXTS), dtype=np.float32)
    pairs = np.zeros((features.buckets, 2 * _CONTEXTS), dtype=np.float32)
    encoded = Spool((encode(text, tokenizer, features) for text in texts), folder)
    company = _company((ids[:, 0] for ids in encoded), tokenizer.size)
    for ids in encoded:
        known = company[ids[:, 0]]
        _count(tokens, ids[:, 0], known, width=1)
        if features.pairs:
            _count(pairs, ids[1:, -2], known, width=2)
    network.get_layer("tokens").set_weights([_squeeze(tokens, encoder.embedding)])
    if features.pairs:
        pairs[1:] += pairs[:-1]  # a pair's second bucket, as right neighbours, is the next one
        network.get_layer("features").set_weights([_squeeze(pairs, features.embedding)])


def encode(text: str, tokenizer: Tokenizer | WordTokenizer, features: FeatureConfig) -> Ids:
    """Return int32 [tokens, columns], the id first."""
    if isinstance(tokenizer, Tokenizer):
        return Spelt(tokenizer, features).encode([text])[0]
    return columns([word.form for word in tokenizer.split(text)], tokenizer, features)


def _company(texts: Iterable[Ids], size: int) -> Ids:
    """Return int32 [size]: the number of each token as company, `_CONTEXTS` where it is none."""
    counts = np.zeros(size, dtype=np.int64)
    for ids in texts:
        np.add.at(counts, ids, 1)
    ranked = np.argsort(-counts, kind="stable")
    numbers = np.full(size, _CONTEXTS, dtype=np.int32)
    numbers[ranked[:_CONTEXTS]] = np.arange(min(size, _CONTEXTS))
    return numbers


def _count(table: Table, rows: Ids, company: Ids, width: int) -> None:
    """Add the company of units, each `width` tokens wide, to the rows of their numbers."""
    for distance in _REACH:
        after = company[width - 1 + distance :]
        before = company[: max(0, len(company) - width + 1 - distance)]
        for numbers, met, side in (
            (rows[: len(after)], after, _CONTEXTS),
            (rows[distance:], before, 0),
        ):
            known = met < _CONTEXTS
            np.add.at(table, (numbers[known], met[known] + side), 1 / distance)


def _squeeze(counts: Table, size: int) -> Table:
    """Return [rows, size]: the strongest directions of the positive mutual information."""
    total = counts.sum()
    rows, company = counts.sum(axis=1, keepdims=True) + 1, counts.sum(axis=0, keepdims=True) + 1
    smooth = company**0.75 * (total / (company**0.75).sum())
    information = np.maximum(np.log(np.maximum(counts, 1e-9) * total / (rows * smooth)), 0)
    basis = np.random.default_rng(0).normal(size=(counts.shape[1], size + 16)).astype(np.float32)
    for _ in range(3):
        basis = np.linalg.qr(information.T @ np.linalg.qr(information @ basis)[0])[0]
    left, strengths, _ = np.linalg.svd(information @ basis, full_matrices=False)
    vectors = left[:, :size] * np.sqrt(strengths[:size])
    return np.asarray(vectors * (_SCALE / max(float(vectors.std()), 1e-9)), dtype=np.float32)
