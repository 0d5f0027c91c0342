"""A lexicon: words with a kind each, and where they occur in a text that is cut into units.

A few thousand labelled sentences show a few thousand words; a dictionary holds a hundred thousand.
So a unit may know the longest lexicon word that begins at it, that ends at it, and that it is in
the middle of, each with its kind, as a part of speech. (Matches as features of a tagger: Zhang &
Yang 2018 give the lattice, of which this is the plain form.)

The file has one word a line, then, if known, how often it was counted and its kind, with blanks
between, as jieba's dictionaries: `北京大学 2053 nt`. A kind is any name: a part of speech, for a
classifier better a class or a score, as `splendid 1 positive`. Gzip is read by its name.
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from models.text.alignment import fold
from schemas.errors import ArtifactError, DataError

MEMBER = "lexicon.gz"
"""The file beside a version's tokenizer."""

_MOST = 2**27
"""Bytes of a saved lexicon at most, unpacked."""
_UNCOUNTED = " 0 "
"""Between word and kind in a saved lexicon, where nobody asks for counts any more."""


class Match(NamedTuple):
    """The longest words at one unit, each as its length in units and its kind; empty for none."""

    begins: str
    inside: str
    ends: str


class Lexicon:
    """Words and their kinds; immutable, safe to share between threads."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = dict(kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    @classmethod
    def read(cls, path: Path, least_count: int = 0) -> Self:
        """Read a dictionary, without the words that were counted less often than `least_count`.

        Raises:
            DataError: the file cannot be read, a line is no entry, or nothing is left.
        """
        try:
            kinds = {word: kind for word, count, kind in _entries(path) if count >= least_count}
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise DataError(f"the lexicon {path} cannot be read: {error}") from error
        if not kinds:
            raise DataError(f"the lexicon {path} has no word that was counted {least_count} times")
        return cls(kinds)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; ArtifactError for anything else."""
        try:
            with gzip.open(path) as file:
                content = file.read(_MOST + 1)
            if len(content) > _MOST:
                raise ArtifactError(f"the lexicon {path} unpacks to more than {_MOST} bytes")
            lines = content.decode().splitlines()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise ArtifactError(f"the lexicon {path} cannot be read: {error}") from error
        entries = [line.partition(_UNCOUNTED) for line in lines]
        if not all(sign for _, sign, _ in entries):
            raise ArtifactError(f"{path} is not a saved lexicon")
        return cls({word: kind for word, _, kind in entries})

    @classmethod
    def beside(cls, tokenizer: Path) -> Self | None:
        """Load what lies beside a saved tokenizer; None for nothing."""
        path = beside(tokenizer)
        return cls.load(path) if path.exists() else None

    def save(self, path: Path) -> None:
        """Write words and kinds, the same bytes for the same lexicon."""
        lines = (f"{word}{_UNCOUNTED}{kind}\n" for word, kind in sorted(self._kinds.items()))
        path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))

    def kind(self, form: str) -> str:
        """Return the kind of a word of one unit; empty for what is none."""
        return self._kinds.get(form.lower(), "")

    def matches(self, forms: Sequence[str], longest: int) -> list[Match]:
        """Return a match for each unit; `longest` is the most units of a word, 2 to 9.

        A word of one unit says nothing that the unit's own vector does not.
        """
        low = [form.lower() for form in forms]
        begins, inside, ends = ([""] * len(low) for _ in Match._fields)
        for first, word in enumerate(low):
            for last in range(first + 1, min(first + longest, len(low))):
                word += low[last]
                kind = self._kinds.get(word)
                if kind is None:
                    continue
                match = f"{last - first + 1}{kind}"
                begins[first] = match
                ends[last] = ends[last] or match
                for between in range(first + 1, last):
                    inside[between] = max(inside[between], match)
        return list(map(Match, begins, inside, ends))


def beside(tokenizer: Path) -> Path:
    """Return where the lexicon of a saved tokenizer lies."""
    return tokenizer.with_name(MEMBER)


def _entries(path: Path) -> Iterator[tuple[str, int, str]]:
    """Yield word without blanks, count and kind; a word without a count counts without limit."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            words = line.split()
            kind = words.pop() if len(words) > 2 and words[-2].isdecimal() else ""
            count = int(words.pop()) if len(words) > 1 and words[-1].isdecimal() else 2**62
            if not words:
                raise DataError(f"{path}, line {number}: no word; remove the line")
            yield fold("".join(words)).lower(), count, kind
