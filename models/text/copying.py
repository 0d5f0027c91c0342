"""Numbers for words that a summary may copy, whether or not any vocabulary holds them.

The *extended* vocabulary of a text is the tokenizer's and, from its size on, the text's own unknown
words in the order in which they come. So a summary, as numbers, can name what was never seen in
training, and every number has a spelling again. Pure.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from models.text.features import FeatureConfig, columns
from models.text.tokenizer import UNKNOWN, Ids
from models.text.words import Word, WordTokenizer


def read(words: Sequence[Word], tokenizer: WordTokenizer, features: FeatureConfig) -> Ids:
    """Return a source as int32 [words, 1 + hashed + 1]: id, hashed features, extended number.

    A source without words has one unknown word.
    """
    forms = [word.form for word in words] or [""]
    numbers = list(extended(forms, unknown(forms, tokenizer), tokenizer))
    last = np.array(numbers, dtype=np.int32)[:, None]
    return np.concatenate([columns(forms, tokenizer, features), last], axis=1)


def unknown(forms: Iterable[str], tokenizer: WordTokenizer) -> dict[str, int]:
    """Return the extended numbers of a source's unknown words, by lower-case spelling."""
    lows = (form.lower() for form in forms)
    new = dict.fromkeys(low for low in lows if tokenizer.id(low) == UNKNOWN)
    return {low: tokenizer.size + number for number, low in enumerate(new)}


def extended(forms: Iterable[str], new: dict[str, int], tokenizer: WordTokenizer) -> Iterable[int]:
    """Yield the extended numbers of words; UNKNOWN for those that neither holds."""
    for form in forms:
        number = tokenizer.id(form)
        yield number if number != UNKNOWN else new.get(form.lower(), UNKNOWN)
