"""Features of a tagged unit: its id, and hashed pieces of its spelling and of its neighbourhood.

A name that was never seen still ends like a name. So beside its vocabulary id a unit has columns
of numbers: hashes of its first and last letters, of its shape (`Xxxx`, `dd`), and of the pairs it
makes with its neighbours (worth most for Chinese, where a pair of characters is mostly a word), and
of the words of a lexicon that it begins, ends or is inside of. All columns share one table of
buckets, each with a salt of its own. The hash is CRC-32, which is the same on every machine. Pure.
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

from models.text.lexicon import Match
from models.text.words import WordTokenizer

_EDGE = "\n"
_CLASSES = ((re.compile("[A-Z]"), "X"), (re.compile("[a-z]"), "x"), (re.compile(r"\d"), "d"))
_REPEAT = re.compile(r"(.)\1{2,}")


class FeatureConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which columns a unit has beside its id."""

    prefixes: tuple[int, ...] = ()
    """Lengths of the beginnings that are hashed."""
    suffixes: tuple[int, ...] = ()
    """Lengths of the endings that are hashed."""
    shape: bool = False
    """Upper case, lower case, digits and the rest, runs shortened."""
    lexicon: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    """Most units of a lexicon word that is looked for; 0 for no lexicon."""
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
        own = len(self.prefixes) + len(self.suffixes) + self.shape
        return own + len(Match._fields) * bool(self.lexicon) + 2 * self.pairs


def columns(
    forms: Sequence[str], tokenizer: WordTokenizer, config: FeatureConfig
) -> NDArray[np.int32]:
    """Return int32 [units, 1 + hashed]: the id, then the buckets; one unknown unit for none."""
    forms = forms or [""]
    rows = [(tokenizer.id(form), *_spelling(form, config)) for form in forms]
    if config.lexicon:
        matches = tokenizer.lexicon.matches(forms, config.lexicon)
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
    pieces = [f"<{length}{low[:length]}" for length in config.prefixes]
    pieces += [f">{length}{low[-length:]}" for length in config.suffixes]
    if config.shape:
        pieces.append("?" + _shape(form))
    return tuple(_bucket(piece, config.buckets) for piece in pieces)


def _words(match: Match, buckets: int) -> tuple[int, ...]:
    return tuple(_bucket(sign + word, buckets) for sign, word in zip("^-$", match, strict=True))


@lru_cache(maxsize=65_536)
def _bucket(piece: str, buckets: int) -> int:
    return crc32(piece.encode("utf-8", "replace")) % (buckets - 1)


def _shape(form: str) -> str:
    for pattern, sign in _CLASSES:
        form = pattern.sub(sign, form)
    return _REPEAT.sub(r"\1\1", form[:32])
