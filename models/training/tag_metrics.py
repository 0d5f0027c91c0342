"""Scores of tagged sentences: token accuracy, and F1 over stretches where the scheme has any.

A stretch counts only if beginning, end and kind are all right, summed over the corpus (micro), as
the CoNLL-2003 scorer does. Pure Python.
"""

from collections.abc import Sequence

from models.text.tags import chunks, scheme_of
from models.training.metrics import scores

_STRETCHES = {"bio": "entity", "bmes": "word"}


def deciding(labels: Sequence[str]) -> str:
    """Return the name of the score by which taggers with these labels are compared."""
    return {"bio": "entity_f1", "bmes": "word_f1", "plain": "accuracy"}[scheme_of(labels)]


def tag_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str]
) -> dict[str, float]:
    """Return accuracy and, by the scheme of `labels`, entity, word or macro scores, from 0 to 1.

    Sentences pair up and have equal lengths; at least one token.
    """
    pairs = [
        (right, said)
        for one, other in zip(gold, predicted, strict=True)
        for right, said in zip(one, other, strict=True)
    ]
    scheme = scheme_of(labels)
    if scheme == "plain":
        numbers = {
            label: number
            for number, label in enumerate(sorted({tag for pair in pairs for tag in pair}))
        }
        right, said = ([numbers[pair[side]] for pair in pairs] for side in (0, 1))
        return scores(right, said, len(numbers))
    accuracy = sum(right == said for right, said in pairs) / len(pairs)
    wanted = [set(chunks(tags, scheme)) for tags in gold]
    found = [set(chunks(tags, scheme)) for tags in predicted]
    hits = sum(len(one & other) for one, other in zip(wanted, found, strict=True))
    counts = hits, sum(map(len, found)), sum(map(len, wanted))
    return {"accuracy": accuracy, **_f1(_STRETCHES[scheme], *counts)}


def _f1(name: str, hits: int, found: int, wanted: int) -> dict[str, float]:
    return {
        f"{name}_precision": hits / max(found, 1),
        f"{name}_recall": hits / max(wanted, 1),
        f"{name}_f1": 2 * hits / max(found + wanted, 1),
    }
