"""How a version's answers to its development set are spread: the base that `drift` compares with.

The buckets are those of the SQL view `drift`: lengths by powers of two, scores by tenths.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from schemas.prediction import Prediction

Spread = dict[str, dict[str, int]]
"""How many answers there are, by feature (`length`, `lang`, `label`, `score`) and bucket."""


def spread(answers: Iterable[Prediction], lang: str) -> Spread:
    """Count answers to texts of one language; features that they do not have are left out."""
    counted: dict[str, Counter[str]] = {}
    for answer in answers:
        for feature, bucket in _buckets(answer, lang).items():
            counted.setdefault(feature, Counter())[bucket] += 1
    return {feature: dict(sorted(counts.items())) for feature, counts in counted.items()}


def _buckets(answer: Prediction, lang: str) -> Mapping[str, str]:
    found = {"length": _length(answer.tokens), "lang": lang}
    if answer.label is not None:
        found["label"] = answer.label
    if answer.score is not None:
        found["score"] = _score(answer.score)
    return found


def _length(tokens: int) -> str:
    return next((str(2**n) for n in range(2, 10) if tokens <= 2**n), "more")


def _score(score: float) -> str:
    return next((f"0.{n}" for n in range(1, 10) if score < n / 10), "1.0")
