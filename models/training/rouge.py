"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004): how much a summary has in common with a reference.

    precision P = common / of the summary      recall R = common / of the reference
    F1 = 2 P R / (P + R)

What is counted is single units, pairs of neighbours, and the longest common subsequence. Units are
characters without blanks in Chinese; in English lower-case words of `a-z0-9`, without stemming, as
the `rouge-score` package has them. Of several references the best F1 counts, for each score by
itself. Pure.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from schemas.model_version import Language

_WORD = re.compile("[a-z0-9]+")


class Rouge(NamedTuple):
    """F1 scores, from 0 to 1."""

    rouge_1: float
    rouge_2: float
    rouge_l: float


def units(text: str, lang: Language) -> list[str]:
    """Return what is counted of a text."""
    return list("".join(text.split())) if lang == "zh" else _WORD.findall(text.lower())


def rouge(summary: str, references: Sequence[str], lang: Language) -> Rouge:
    """Return the scores of a summary against one reference or more."""
    given = units(summary, lang)
    each = [rouge_of_units(given, units(reference, lang)) for reference in references]
    return Rouge(*(max(scores) for scores in zip(*each, strict=True)))


def mean_rouge(
    summaries: Sequence[str], references: Sequence[Sequence[str]], lang: Language
) -> dict[str, float]:
    """Return the mean scores over texts, by name; `references` holds those of each text."""
    each = [rouge(one, others, lang) for one, others in zip(summaries, references, strict=True)]
    return {
        name: sum(scores) / len(scores)
        for name, scores in zip(Rouge._fields, zip(*each, strict=True), strict=True)
    }


def rouge_of_units(summary: Sequence[str], reference: Sequence[str]) -> Rouge:
    """Return the scores of a summary against one reference, both as `units`."""
    shared = _shared(Counter(summary), Counter(reference))
    pairs = _shared(Counter(pairwise(summary)), Counter(pairwise(reference)))
    sizes = len(summary), len(reference)
    return Rouge(
        _f1(shared, *sizes),
        _f1(pairs, *(size - 1 for size in sizes)),
        _f1(_longest_common(summary, reference), *sizes),
    )


def _f1(common: int, of_summary: int, of_reference: int) -> float:
    return 2 * common / (of_summary + of_reference) if common else 0.0


def _shared(one: Counter[object], other: Counter[object]) -> int:
    return (one & other).total()


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence; a row of the table is one integer.

    Bit i of `row` is 0 where the length grows at unit i of `one` (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for at, unit in enumerate(one):
        places[unit] = places.get(unit, 0) | 1 << at
    every = (1 << len(one)) - 1
    row = every
    for unit in other:
        met = row & places.get(unit, 0)
        row = ((row + met) | (row - met)) & every
    return len(one) - row.bit_count()
