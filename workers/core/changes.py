"""What a re-run changed, from the two answers to each text. Pure.

For labels the table of confusion is over texts, for spans over places in texts: a place that only
one version found has no label on the other side.
"""

from bisect import insort
from collections import Counter
from typing import Any, Final

import msgspec

from schemas.prediction import Prediction
from workers.core.likeness import Pair, likeness

NOTHING: Final = None
"""In a table of confusion: this version found no span there."""


class Confused(msgspec.Struct, frozen=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """A cell of the table of confusion."""

    old: str | None
    new: str | None
    count: int


class Example(msgspec.Struct, frozen=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """A text that is answered otherwise now."""

    tenant: str
    job_id: str
    old: dict[str, Any]
    new: dict[str, Any]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The report."""

    pairs: int
    """Texts with both answers."""
    same: int
    """Of them answered alike: the same label, summary or spans, whatever the scores."""
    changed: int
    agreement: float | None
    """`same` by `pairs`; None: there is no pair."""
    likeness: float | None
    """Mean: 1 for the same label, F1 of the spans, ROUGE-L of the summaries."""
    score_change: float | None
    """Mean of the new score less the old one; None: they have none."""
    confusion: list[Confused]
    """The most frequent first."""
    examples: list[Example]


class Tally:
    """Counts pairs, one after the other."""

    def __init__(self, examples: int) -> None:
        """`examples`: how many of the changed are kept at most, the first by job id."""
        self._most = examples
        self._pairs = self._same = self._scored = 0
        self._alike = self._moved = 0.0
        self._cells: Counter[tuple[str | None, str | None]] = Counter()
        self._examples: list[Example] = []

    def add(self, tenant: str, job_id: str, pair: Pair) -> None:
        """Count a text; `pair` has the old answer first."""
        old, new = pair.one, pair.other
        self._pairs += 1
        is_same = _said(old) == _said(new)
        self._same += is_same
        self._alike += 1.0 if is_same else likeness(pair)
        if old.score is not None and new.score is not None:
            self._scored += 1
            self._moved += new.score - old.score
        self._cells.update(_cells(old, new))
        if not is_same:
            both = {"old": _shown(old), "new": _shown(new)}
            insort(self._examples, Example(tenant=tenant, job_id=job_id, **both), key=_order)
            del self._examples[self._most :]

    def changes(self) -> Changes:
        """All that was counted."""
        cells = sorted(self._cells.items(), key=lambda one: (-one[1], str(one[0])))
        return Changes(
            pairs=self._pairs,
            same=self._same,
            changed=self._pairs - self._same,
            agreement=self._same / self._pairs if self._pairs else None,
            likeness=self._alike / self._pairs if self._pairs else None,
            score_change=self._moved / self._scored if self._scored else None,
            confusion=[Confused(old=old, new=new, count=n) for (old, new), n in cells],
            examples=self._examples,
        )


def _order(one: Example) -> tuple[str, str]:
    return one.job_id, one.tenant


def _said(one: Prediction) -> Any:
    if one.spans is not None:
        return sorted((span.start, span.end, span.label) for span in one.spans)
    return one.summary if one.label is None else one.label


def _cells(old: Prediction, new: Prediction) -> list[tuple[str | None, str | None]]:
    if old.label is not None or new.label is not None:
        return [(old.label, new.label)]
    here, there = (
        {(span.start, span.end): span.label for span in one.spans or ()} for one in (old, new)
    )
    places = here | there
    return [(here.get(place, NOTHING), there.get(place, NOTHING)) for place in places]


def _shown(one: Prediction) -> dict[str, Any]:
    named: dict[str, Any] = {"label": one.label, "summary": one.summary, "score": one.score}
    if one.spans is not None:
        named["spans"] = msgspec.to_builtins(one.spans)
    return {name: value for name, value in named.items() if value is not None}
