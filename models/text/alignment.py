"""Normalised text that still knows where each of its characters came from.

Tags are found in the normalised text and belong to the original one. Normalisation changes lengths
in both directions: a ligature becomes two letters, a letter and its accent become one, a zero-width
mark becomes nothing. So the text is normalised in *clusters*, a character with the marks that may
join it, and every normalised character remembers the cluster it came from. Pure and total.
"""

import re
import unicodedata
from typing import NamedTuple

from models.text.normalise import INVISIBLE

# What may melt into the character before it: Hangul vowels and finals, half-width voice marks.
_JOINING = re.compile("[\u1160-\u11ff\uff9e\uff9f]")


class Aligned(NamedTuple):
    """A normalised text and, for each of its characters, a stretch of the original."""

    text: str
    starts: tuple[int, ...]
    """First original character of the cluster, one for each normalised character."""
    ends: tuple[int, ...]
    """End, exclusive, of the cluster."""


def align(text: str) -> Aligned:
    """Normalise as `normalise` does, blanks apart: every white-space character becomes a blank."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        piece = _fold(text[start:end])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return Aligned("".join(pieces), tuple(starts), tuple(ends))


def fold(text: str) -> str:
    """Return what `align` makes of `text`, without the alignment."""
    return align(text).text


def _clusters(text: str) -> list[tuple[int, int]]:
    """Cut into stretches that normalise by themselves; what nobody sees is in none."""
    if text.isascii() and text.isprintable():
        return [(at, at + 1) for at in range(len(text))]
    clusters: list[tuple[int, int]] = []
    for at, character in enumerate(text):
        if INVISIBLE.match(character):
            continue
        if clusters and _joins(character):
            clusters[-1] = (clusters[-1][0], at + 1)
        else:
            clusters.append((at, at + 1))
    return clusters


def _joins(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or bool(_JOINING.match(character))


def _fold(cluster: str) -> str:
    visible = cluster if cluster.isascii() else INVISIBLE.sub("", cluster)
    if not visible.isascii():
        visible = unicodedata.normalize("NFKC", visible)
    return "".join(" " if one.isspace() else one for one in visible)
