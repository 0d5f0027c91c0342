"""Texts to units with their features, for heads that ask for a text's ids and no places in it.

Where several heads share an encoder they read the same ids, so a classifier beside a tagger is
given units (`models.text.words`) in place of word pieces.
"""

from collections.abc import Sequence

from models.text.features import FeatureConfig, columns
from models.text.tokenizer import Ids
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
