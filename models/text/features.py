"""Features of a tagged unit: its id, and hashed pieces of its spelling and of its neighbourhood.

A name that was never seen still ends like a name. So beside its vocabulary id a unit has columns
of numbers: hashes of the n-grams of its characters (Bojanowski et al. 2017), of its first and last
letters, of its shape (`Xxxx`, `dd`), of what a lexicon says of it, of the lexicon words that it
begins, ends or is inside of, and of the pairs it makes with its neighbours (worth most for Chinese,
where a pair of characters is mostly a word). All columns share one table of buckets, each with a
salt of its own. The hash is CRC-32, which is the same on every machine. Pure.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Annotated
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.text.lexicon import Lexicon, Match
from models.text.words import WordTokenizer

_EDGE = "\n"
_LETTERS = 12  # of a unit, of which n-grams are made; few words are longer
_CLASSES = ((re.compile("[A-Z]"), "X"), (re.compile("[a-z]"), "x"), (re.compile(r"\d"), "d"))
_REPEAT = re.compile(r"(.)\1{2,}")


class FeatureConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which columns a unit has beside its id."""

    characters: tuple[int, ...] = ()
    """Lengths of the n-grams of its characters, its edges among them; their vectors are averaged,
    those of all other columns stand side by side."""
    prefixes: tuple[int, ...] = ()
    """Lengths of the beginnings that are hashed."""
    suffixes: tuple[int, ...] = ()
    """Lengths of the endings that are hashed."""
    shape: bool = False
    """Upper case, lower case, digits and the rest, runs shortened."""
    kinds: bool = False
    """The kind that the lexicon gives the unit itself: a part of speech, a judgement, a score."""
    lexicon: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    """Most units of a lexicon word that is looked for, two or more; 0 to look for none."""
    pairs: bool = False
    """The unit with its left and with its right neighbour."""
    buckets: int = 8192
    """Hash buckets for all columns together."""
    embedding: int = 32
    """Size of a bucket's vector."""
    dropout: float = 0.0
    """Share of whole hashed pieces dropped in training."""

    @property
    def hashed(self) -> int:
        """Number of hashed columns."""
        own = self.spread + len(self.prefixes) + len(self.suffixes) + self.shape + self.kinds
        return own + len(Match._fields) * bool(self.lexicon) + 2 * self.pairs

    @property
    def reach(self) -> tuple[int, ...]:
        """How far from its unit each column looks: 0 where it tells of the unit alone."""
        lexicon = (self.lexicon - 1,) * len(Match._fields) if self.lexicon else ()
        around = lexicon + (1, 1) * self.pairs
        return (0,) * (self.hashed - len(around)) + around

    @property
    def spread(self) -> int:
        """Number of columns for n-grams of characters, which are the first of all."""
        return sum(max(0, _LETTERS + 3 - length) for length in self.characters)

    @property
    def looks_up(self) -> bool:
        """Whether a lexicon is needed."""
        return self.kinds or bool(self.lexicon)


def columns(
    forms: Sequence[str], tokenizer: WordTokenizer, config: FeatureConfig
) -> NDArray[np.int32]:
    """Return int32 [units, 1 + hashed]: the id, then the buckets; one unknown unit for none."""
    forms = forms or [""]
    return beside([tokenizer.id(form) for form in forms], forms, tokenizer.lexicon, config)


def beside(
    ids: Sequence[int], forms: Sequence[str], lexicon: Lexicon, config: FeatureConfig
) -> NDArray[np.int32]:
    """Return the same, given the ids and spellings of one unit or more."""
    spelt = (_spelling(form, config) for form in forms)
    rows = [(number, *pieces) for number, pieces in zip(ids, spelt, strict=True)]
    if config.kinds:
        kinds = (_bucket(f"*{lexicon.kind(form)}", config.buckets) for form in forms)
        rows = [(*row, kind) for row, kind in zip(rows, kinds, strict=True)]
    if config.lexicon:
        matches = lexicon.matches(forms, config.lexicon)
        rows = [
            (*row, *_words(one, config.buckets)) for row, one in zip(rows, matches, strict=True)
        ]
    if not config.pairs:
        return np.array(rows, dtype=np.int32)
    low = [_EDGE, *(form.lower() for form in forms), _EDGE]
    pairs = [_bucket(f"={one}{_EDGE}{other}", config.buckets) for one, other in pairwise(low)]
    both = zip(rows, pairwise(pairs), strict=True)
    return np.array([(*row, left, right + 1) for row, (left, right) in both], dtype=np.int32)


@lru_cache(maxsize=65_536)
def _spelling(form: str, config: FeatureConfig) -> tuple[int, ...]:
    low = form.lower()
    grams = [gram for length in config.characters for gram in _grams(low, length, config.buckets)]
    pieces = [f"<{length}{low[:length]}" for length in config.prefixes]
    pieces += [f">{length}{low[-length:]}" for length in config.suffixes]
    if config.shape:
        pieces.append("?" + _shape(form))
    return (*grams, *(_bucket(piece, config.buckets) for piece in pieces))


def _grams(low: str, length: int, buckets: int) -> list[int]:
    """Return the buckets of a spelling's n-grams, from 1, and noughts up to the greatest number."""
    marked = f"{_EDGE}{low}{_EDGE}"[: _LETTERS + 2]
    starts = range(max(0, _LETTERS + 3 - length))
    grams = (marked[at : at + length] for at in starts)
    return [1 + _bucket(f"#{one}", buckets) if len(one) == length else 0 for one in grams]


def _words(match: Match, buckets: int) -> tuple[int, ...]:
    return tuple(_bucket(sign + word, buckets) for sign, word in zip("^-$", match, strict=True))


@lru_cache(maxsize=65_536)
def _bucket(piece: str, buckets: int) -> int:
    return crc32(piece.encode("utf-8", "replace")) % (buckets - 1)


def _shape(form: str) -> str:
    for pattern, sign in _CLASSES:
        form = pattern.sub(sign, form)
    return _REPEAT.sub(r"\1\1", form[:32])
