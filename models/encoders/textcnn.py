"""TextCNN (Kim 2014): convolutions over word vectors, the best match of every filter.

Token ids [batch, length] become vectors, a bank of filters of several widths slides over them, and
for each filter only the strongest match in the text is kept. Beside the convolutions a bag of
hashed n-grams (Joulin et al. 2016, fastText) may remember exact pairs of tokens, which a small
convolution forgets: worth most for Chinese, whose words are pairs of characters.

**Padding never changes an answer.** Padded positions get a zero vector. A window starts at its
token and reaches to the right, over zeros at the end, so a text shorter than a filter works, and a
window that starts in padding sees zeros only. The filters have no bias: such a window scores
exactly 0, which is also the floor of the ReLU, so it can never be the strongest match. Masking the
convolutions therefore costs nothing.
"""

from typing import Any

import keras
import msgspec
from keras import ops

from models.layers.embedding import embed
from models.layers.ngrams import bag
from models.text.features import FeatureConfig


class TextCNNConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="textcnn"
):
    """What a TextCNN needs to be built again."""

    length: int = 200
    """Longest text in tokens."""
    embedding: int = 128
    """Size of a token's vector."""
    widths: tuple[int, ...] = (3, 4, 5)
    """Tokens under a filter, one bank of filters for each."""
    filters: int = 128
    """Filters in a bank."""
    dropout: float = 0.5
    """Share of vector components dropped in training."""
    ngrams: tuple[int, ...] = ()
    """Lengths of the n-grams that are hashed beside the convolutions; empty for none."""
    ngram_buckets: int = 32_768
    """Hash buckets for all n-grams of one length."""
    ngram_embedding: int = 64
    """Size of an n-gram's vector."""
    ngram_dropout: float = 0.0
    """Share of whole n-grams dropped in training."""
    features: FeatureConfig = FeatureConfig()
    """Hashed columns beside the id."""


def encode(ids: Any, vocabulary: int, config: TextCNNConfig) -> Any:
    """Build the encoder: ids int32 [batch, length] or [batch, length, columns] to features.

    The features are [batch, width]; id 0 is padding.
    """
    tokens = ids if len(ids.shape) == 2 else ids[..., 0]
    mask = ops.expand_dims(ops.not_equal(tokens, 0), -1)
    vectors = embed(ids, vocabulary, config.embedding, config.features)
    vectors = keras.layers.Dropout(config.dropout, name="embedding_dropout")(vectors)
    vectors = vectors * ops.cast(mask, vectors.dtype)
    features = [_strongest(vectors, width, config.filters) for width in config.widths]
    features += hashed_bags(tokens, config)
    return ops.concatenate(features, axis=-1)


def hashed_bags(tokens: Any, config: TextCNNConfig) -> list[Any]:
    """Build the mean vector [batch, size] of the n-grams of each length beside the filters."""
    return [
        bag(
            tokens,
            n,
            buckets=config.ngram_buckets,
            size=config.ngram_embedding,
            dropout=config.ngram_dropout,
        )
        for n in config.ngrams
    ]


def _strongest(vectors: Any, width: int, filters: int) -> Any:
    """Return the strongest match [batch, filters] of every filter of one width."""
    padded = ops.pad(vectors, ((0, 0), (0, width - 1), (0, 0)))
    convolution = keras.layers.Conv1D(filters, width, use_bias=False, name=f"width_{width}")
    return ops.relu(ops.max(convolution(padded), axis=1))
