"""Texts to tokens with their features, for heads that ask for a text's ids and no places in it.

Where several heads share an encoder they read the same ids, so a classifier beside a tagger is
given units (`models.text.words`) in place of word pieces. Alone it keeps its own tokenizer.
"""

from collections.abc import Sequence

from models.text.features import FeatureConfig, beside, columns
from models.text.tokenizer import Ids, Tokenizer
from models.text.words import WordTokenizer


class Units:
    """Encodes as `models.text.tokenizer.Tokenizer` does, by units."""

    def __init__(self, tokenizer: WordTokenizer, features: FeatureConfig) -> None:
        self._tokenizer, self._features = tokenizer, features

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return int32 [units, columns] a text, uncut; an empty text is one unknown unit."""
        return [
            columns([unit.form for unit in units], self._tokenizer, self._features)
            for units in map(self._tokenizer.split, texts)
        ]


class Spelt:
    """Encodes as `models.text.tokenizer.Tokenizer` does, each token with its hashed features.

    A token is spelt as it stands in the text, before cleaning and with its capitals.
    """

    def __init__(self, tokenizer: Tokenizer, features: FeatureConfig) -> None:
        self._tokenizer, self._features = tokenizer, features

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return int32 [tokens, columns] a text, uncut; an empty text is one unknown token."""
        lexicon = self._tokenizer.lexicon
        return [
            beside(ids, forms, lexicon, self._features)
            for ids, forms in self._tokenizer.spelt(texts)
        ]
