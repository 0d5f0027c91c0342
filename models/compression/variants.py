"""Changed copies of texts, for teachers to answer: more of the language of few texts.

A teacher knows its own training texts nearly by heart and tells little of them; what it makes of
texts near them tells where its borders run (Tang et al. 2019). A copy has words (in Chinese,
characters) left out and others from elsewhere in their place, and may be a stretch of its text, or
go on as another text does. No label is claimed for it.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from schemas.model_version import Language

LEFT_OUT, REPLACED = 0.1, 0.1
"""Share of the words."""
STRETCH, JOINED = 0.2, 0.2
"""Share of the copies that are a stretch of a text, or of two texts."""


class Variants:
    """So many copies of each text, the same ones at each iteration."""

    def __init__(self, texts: Iterable[str], count: int, lang: Language, seed: int = 0) -> None:
        self._blank = "" if lang == "zh" else " "
        self._texts = [list(one) if lang == "zh" else one.split() for one in texts]
        self._count, self._seed = count, seed

    def __iter__(self) -> Iterator[str]:
        random = np.random.default_rng(self._seed)
        for text in self._texts:
            for _ in range(self._count if text else 0):
                yield self._blank.join(self._changed(text, random))

    def _changed(self, text: Sequence[str], random: np.random.Generator) -> list[str]:
        kind = random.random()
        if kind < STRETCH:
            start = _drawn(len(text), random)
            text = text[start : start + 1 + _drawn(len(text) - start, random)]
        elif kind < STRETCH + JOINED:
            other = self._any(random)
            begun, goes_on = _drawn(len(text) + 1, random), _drawn(len(other), random)
            text = [*text[:begun], *other[goes_on:]]
        fates = random.random(len(text))
        copied = [
            self._word(random) if fate < LEFT_OUT + REPLACED else word
            for word, fate in zip(text, fates, strict=True)
            if fate >= LEFT_OUT
        ]
        return copied or list(text)

    def _any(self, random: np.random.Generator) -> Sequence[str]:
        return self._texts[_drawn(len(self._texts), random)] or ["?"]

    def _word(self, random: np.random.Generator) -> str:
        text = self._any(random)
        return text[_drawn(len(text), random)]


def _drawn(count: int, random: np.random.Generator) -> int:
    return int(random.integers(count))
