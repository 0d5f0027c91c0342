"""What a re-run changed, counted from pairs of answers."""

from typing import Any

import pytest

from schemas.prediction import Prediction, Span
from workers.core.changes import Changes, Tally
from workers.core.likeness import Pair


def span(start: int, end: int, label: str) -> Span:
    return Span(start=start, end=end, label=label, text="x" * (end - start))


def said(**fields: Any) -> Prediction:
    return Prediction(tokens=0, **fields)


def counted(*pairs: tuple[Prediction, Prediction], examples: int = 10) -> Changes:
    tally = Tally(examples)
    for number, (one, other) in enumerate(reversed(pairs)):
        tally.add("default", f"job-{len(pairs) - number}", Pair("en", one, other))
    return tally.changes()


def test_nothing() -> None:
    changes = counted()
    assert (changes.pairs, changes.agreement, changes.likeness, changes.confusion) == (
        0,
        None,
        None,
        [],
    )


def test_labels() -> None:
    changes = counted(
        (said(label="a", score=0.5), said(label="a", score=0.9)),
        (said(label="a", score=0.5), said(label="b", score=0.5)),
        (said(label="a", score=0.5), said(label="b", score=0.5)),
        (said(label="b", score=0.5), said(label="a", score=0.5)),
    )
    assert (changes.pairs, changes.same, changes.changed, changes.agreement) == (4, 1, 3, 0.25)
    assert changes.score_change == pytest.approx(0.1)
    cells = [(one.old, one.new, one.count) for one in changes.confusion]
    assert cells == [("a", "b", 2), ("a", "a", 1), ("b", "a", 1)]


def test_spans_are_confused_by_place() -> None:
    changes = counted(
        (said(spans=(span(0, 4, "PER"),)), said(spans=(span(0, 4, "PER"),))),
        (said(spans=(span(0, 4, "PER"), span(5, 9, "LOC"))), said(spans=(span(0, 4, "ORG"),))),
        (said(spans=()), said(spans=(span(1, 2, "PER"),))),
    )
    assert (changes.same, changes.changed) == (1, 2)
    assert {(one.old, one.new): one.count for one in changes.confusion} == {
        ("PER", "PER"): 1,
        ("PER", "ORG"): 1,
        ("LOC", None): 1,
        (None, "PER"): 1,
    }
    assert changes.likeness == pytest.approx(1 / 3)


def test_summaries_have_no_table_and_are_alike_in_part() -> None:
    changes = counted((said(summary="the cat sat"), said(summary="the cat ran")))
    assert (changes.changed, changes.confusion) == (1, [])
    assert changes.likeness is not None
    assert 0 < changes.likeness < 1


def test_examples_are_the_first_by_job_whatever_the_order() -> None:
    pairs = [(said(label="a", score=0.5), said(label="b", score=0.25)) for _ in range(5)]
    found = counted(*pairs, examples=2).examples
    assert [one.job_id for one in found] == ["job-1", "job-2"]
    assert (found[0].old, found[0].new) == (
        {"label": "a", "score": 0.5},
        {"label": "b", "score": 0.25},
    )
