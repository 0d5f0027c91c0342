"""Tag names: which may follow which, and which stretches they mark.

Three schemes, told apart by the names alone (Ramshaw & Marcus 1995; Xue 2003):

    BIO    O, B-PER, I-PER          an entity begins with B and goes on with I of the same kind
    BMES   B, M, E, S               a word is S, or B, any number of M, and E
    plain  NOUN, VERB               every token is a stretch of its own

Pure numpy, no framework.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Scheme = Literal["bio", "bmes", "plain"]
WORD = "WORD"
"""Label of a stretch whose tags name no kind."""
SYNONYMS = {
    "person": "PER",
    "location": "LOC",
    "corporation": "ORG",
    "group": "ORG",
    "organization": "ORG",
}
"""Kinds that corpora name differently. Scoring applies it to kinds that a model does not have."""


class Grammar(NamedTuple):
    """What is allowed: `first` and `last` bool [labels], `moves` bool [labels from, labels to]."""

    first: NDArray[np.bool_]
    moves: NDArray[np.bool_]
    last: NDArray[np.bool_]


class Chunk(NamedTuple):
    """The tokens `start` to `end`, exclusive, and what they are."""

    start: int
    end: int
    label: str


def scheme_of(labels: Sequence[str]) -> Scheme:
    """Tell the scheme from the names of the tags."""
    heads = {label.partition("-")[0] for label in labels}
    if heads <= {"B", "M", "E", "S"}:
        return "bmes"
    named = all("-" in label for label in labels if label != "O")
    return "bio" if named and heads <= {"B", "I", "O"} else "plain"


def grammar(labels: Sequence[str]) -> Grammar:
    """Return what may begin, follow and end a sentence tagged with `labels`."""
    scheme = scheme_of(labels)
    first = np.array([begins(None, label, scheme) for label in labels])
    moves = np.array([[begins(one, other, scheme) for other in labels] for one in labels])
    last = np.array([scheme != "bmes" or label[0] in "ES" for label in labels])
    return Grammar(first, moves, last)


def begins(before: str | None, label: str, scheme: Scheme) -> bool:
    """Whether `label` may stand after `before`, or at the beginning where that is None."""
    if scheme == "plain":
        return True
    head, _, kind = label.partition("-")
    past, _, past_kind = (before or "").partition("-")
    if scheme == "bio":
        return head != "I" or (past in ("B", "I") and past_kind == kind)
    if past in ("B", "M"):
        return head in ("M", "E") and past_kind == kind
    return head in ("B", "S")


def chunks(tags: Sequence[str], scheme: Scheme) -> list[Chunk]:
    """Return the stretches that valid `tags` mark, in order."""
    if scheme == "plain":
        return [Chunk(at, at + 1, tag) for at, tag in enumerate(tags)]
    found: list[Chunk] = []
    start = -1
    for at, tag in enumerate([*tags, "O"]):
        head = tag.partition("-")[0]
        if start >= 0 and head not in ("I", "M", "E"):
            found.append(_chunk(tags, start, at))
            start = -1
        if head in ("B", "S") and at < len(tags):
            start = at
    return found


def tags_of(stretches: Sequence[Chunk], length: int, labels: Sequence[str]) -> list[str]:
    """Return the tags of `length` tokens with these stretches: what `chunks` undoes."""
    scheme = scheme_of(labels)
    tags = ["O"] * length
    for start, end, label in stretches:
        kind = "" if label == WORD else f"-{label}"
        heads = [label] if scheme == "plain" else _heads(end - start, scheme)
        for at, head in zip(range(start, end), heads, strict=True):
            tags[at] = head if scheme == "plain" else head + kind
    return tags


def _heads(length: int, scheme: Scheme) -> list[str]:
    if scheme == "bio":
        return ["B"] + ["I"] * (length - 1)
    return ["S"] if length == 1 else ["B"] + ["M"] * (length - 2) + ["E"]


def synonyms_for(labels: Sequence[str]) -> dict[str, str]:
    """Return the synonyms that a model with these tags needs: those of kinds it does not have."""
    kinds = {label.partition("-")[2] for label in labels}
    return {name: kind for name, kind in SYNONYMS.items() if name not in kinds and kind in kinds}


def _chunk(tags: Sequence[str], start: int, end: int) -> Chunk:
    return Chunk(start, end, tags[start].partition("-")[2] or WORD)
