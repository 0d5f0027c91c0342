"""A document as numbers: its units in a row, and for each the sentence it is in.

    id | hashed features | number | order | place | length | likeness

`number` counts sentences from 1. The other columns are the same for all units of a sentence and
speak of the whole document, wherever a window of it begins: `order` is the number, up to a limit;
`place` the tenth of the document; `length` the size in steps; `likeness` the cosine between the
sentence and the whole document, over words weighed by rarity (a centroid, Radev et al. 2004).
They are rows of one table of `FACTS` vectors, each column with a part of its own. Pure.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from models.text.features import FeatureConfig, columns
from models.text.sentences import Stretch, sentences
from models.text.tokenizer import UNKNOWN, Ids
from models.text.words import Word, WordTokenizer

COLUMNS = 5
"""Columns behind the hashed features: the number, then rows of the table of facts."""
_ORDER, _PLACE, _LENGTH, _LIKENESS = 32, 10, 16, 20
FACTS = 1 + _ORDER + _PLACE + _LENGTH + _LIKENESS
"""Rows of the table; row 0 is padding."""


class Document(NamedTuple):
    """A text ready for an extractive summariser."""

    text: str
    """The original."""
    words: tuple[Word, ...]
    """Its units; none in a text without any."""
    sentences: tuple[Stretch, ...]
    ids: Ids
    """int32 [units, 1 + hashed + COLUMNS]; one unknown unit where there is none."""


def read(
    text: str, tokenizer: WordTokenizer, features: FeatureConfig, longest: int, clauses: bool
) -> Document:
    """Cut a text into sentences, as `sentences` does, and number them."""
    words = tokenizer.split(text)
    cut = sentences(text, words, longest, clauses)
    forms = [word.form for word in words]
    facts = list(_facts(forms, cut, tokenizer)) or [(1, 1, 0, 0, 0)]
    lengths = [end - start for start, end in cut] or [1]
    behind = np.repeat(np.array(facts, dtype=np.int32), lengths, axis=0)
    ids = np.concatenate([columns(forms, tokenizer, features), behind], axis=1)
    return Document(text, tuple(words), tuple(cut), ids)


def windows(cut: Sequence[Stretch], longest: int) -> tuple[Stretch, ...]:
    """Return stretches of whole sentences, of at most `longest` units each; none if one suffices.

    No sentence may be longer. Neighbours share about a quarter of their sentences. All is covered.
    """
    if not cut or cut[-1][1] <= longest:
        return ()
    starts, ends = [start for start, _ in cut], [end for _, end in cut]
    found: list[Stretch] = []
    first = 0
    while True:
        beyond = bisect_right(ends, starts[first] + longest)
        found.append((starts[first], ends[beyond - 1]))
        if beyond == len(cut):
            return tuple(found)
        needed = bisect_left(starts, ends[beyond] - longest)
        first = max(beyond - (beyond - first) // 4, needed)


def _facts(
    forms: Sequence[str], cut: Sequence[Stretch], tokenizer: WordTokenizer
) -> Iterator[tuple[int, ...]]:
    weighed = [_weigh(forms[start:end], tokenizer) for start, end in cut]
    whole: Counter[str] = Counter()
    for one in weighed:
        whole.update(one)
    norm = _norm(whole)
    for number, (one, (start, end)) in enumerate(zip(weighed, cut, strict=True)):
        shared = sum(weight * whole[word] for word, weight in one.items())
        likeness = shared / max(norm * _norm(one), 1e-9)
        steps = (
            (number, _ORDER),
            (number * _PLACE // len(cut), _PLACE),
            (int(2 * math.log2(end - start)), _LENGTH),
            (int(likeness * _LIKENESS), _LIKENESS),
        )
        yield number + 1, *_rows(steps)


def _rows(steps: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Give each value its row, behind those of the columns before it."""
    base = 1
    for value, size in steps:
        yield base + min(value, size - 1)
        base += size


def _weigh(forms: Sequence[str], tokenizer: WordTokenizer) -> Counter[str]:
    """Return a sentence's words with their rarity: about the logarithm of their frequency's rank
    (Zipf's law), which is what an id is."""
    weights: Counter[str] = Counter()
    for form in forms:
        number = tokenizer.id(form)
        rank = tokenizer.size if number == UNKNOWN else number
        weights[form.lower()] = math.ceil(100 * math.log(rank))
    return weights


def _norm(weights: Counter[str]) -> float:
    return math.sqrt(sum(weight * weight for weight in weights.values()))
