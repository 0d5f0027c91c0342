"""How alike two answers to one text are, and many of them together. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.training.rouge import Rouge, rouge
from schemas.model_version import Language
from schemas.prediction import Prediction


class Pair(NamedTuple):
    """Two answers to one text."""

    lang: Language
    one: Prediction
    other: Prediction


def likeness(pair: Pair) -> float:
    """0 to 1: the same label, the F1 of the spans, or ROUGE-L of the summaries."""
    one, other = pair.one, pair.other
    if one.spans is not None or other.spans is not None:
        return _f1([pair])
    if one.summary is not None and other.summary is not None:
        return rouge(one.summary, [other.summary], pair.lang).rouge_l
    return float(one.label == other.label)


def compared(pairs: Iterable[Pair]) -> Mapping[str, float]:
    """Figures over all pairs, those that apply: `label_agreement`, `score_divergence`, `tag_f1`,
    `rouge_1`, `rouge_2`, `rouge_l`."""
    known = list(pairs)
    figures: dict[str, float] = {}
    labelled = [pair for pair in known if pair.one.label is not None]
    if labelled:
        same = sum(pair.one.label == pair.other.label for pair in labelled)
        figures["label_agreement"] = same / len(labelled)
    scores = [(pair.one.score, pair.other.score) for pair in known]
    moved = [abs(one - other) for one, other in scores if one is not None and other is not None]
    if moved:
        figures["score_divergence"] = sum(moved) / len(moved)
    if tagged := [pair for pair in known if pair.one.spans is not None]:
        figures["tag_f1"] = _f1(tagged)
    return {**figures, **_rouge(known)}


def _rouge(pairs: Sequence[Pair]) -> Mapping[str, float]:
    """Mean ROUGE of the summaries of one text against each other; empty without any."""
    each = [
        rouge(pair.one.summary, [pair.other.summary], pair.lang)
        for pair in pairs
        if pair.one.summary is not None and pair.other.summary is not None
    ]
    if not each:
        return {}
    means = (sum(some) / len(each) for some in zip(*each, strict=True))
    return dict(zip(Rouge._fields, means, strict=True))


def _f1(pairs: Iterable[Pair]) -> float:
    """Micro F1 of the spans; 1 where nobody found any."""
    hits = total = 0
    for pair in pairs:
        one, other = (
            {(span.start, span.end, span.label) for span in each.spans or ()}
            for each in (pair.one, pair.other)
        )
        hits, total = hits + len(one & other), total + len(one) + len(other)
    return 2 * hits / total if total else 1.0
