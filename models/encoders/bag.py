"""Bag of tokens and n-grams (Joulin et al. 2016, fastText): means of vectors, and nothing else.

    features = mean of E[token]  |  mean of G_n[hash of n tokens in a row], for each n

Where the recipe hashes the characters of a token (`models.text.features`), E[token] has their mean
beside it, so that a word that was never seen, or is spelt wrongly, still resembles others. There is
no layer that knows an order beyond the n-grams, so it is fast, and still strong for intents; the
figures are in ARCHITECTURE.md.

**Padding never changes an answer.** It is in no mean.
"""

from typing import Any

import keras
import msgspec
from keras import ops

from models.layers.embedding import embed, mask_of, mean
from models.layers.ngrams import bag
from models.text.features import FeatureConfig


class BagConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="bag"):
    """What a bag needs to be built again."""

    length: int = 512
    """Longest text in tokens."""
    embedding: int = 128
    """Size of a token's vector."""
    dropout: float = 0.2
    """Share of the components of token vectors dropped in training."""
    ngrams: tuple[int, ...] = (2,)
    """Lengths of the n-grams of tokens that are hashed."""
    ngram_buckets: int = 32_768
    """Hash buckets for all n-grams of one length."""
    ngram_embedding: int = 64
    """Size of an n-gram's vector."""
    ngram_dropout: float = 0.0
    """Share of whole n-grams dropped in training."""
    features: FeatureConfig = FeatureConfig()
    """Hashed columns beside the id."""


def encode(ids: Any, vocabulary: int, config: BagConfig) -> Any:
    """Build the encoder: ids int32 [batch, length] or [batch, length, columns] to features.

    The features are [batch, width]; id 0 is padding.
    """
    vectors = embed(ids, vocabulary, config.embedding, config.features)
    vectors = keras.layers.Dropout(config.dropout, name="embedding_dropout")(vectors)
    tokens = ids if len(ids.shape) == 2 else ids[..., 0]
    bags = [
        bag(
            tokens,
            n,
            buckets=config.ngram_buckets,
            size=config.ngram_embedding,
            dropout=config.ngram_dropout,
        )
        for n in config.ngrams
    ]
    return ops.concatenate([mean(vectors, mask_of(ids)), *bags], axis=-1)
