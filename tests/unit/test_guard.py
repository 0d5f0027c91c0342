"""Whether a canary is promoted, taken back or watched on: a table of situations."""

import msgspec
import pytest

from schemas.prediction import Prediction, Span
from schemas.settings import RolloutSettings
from workers.core.guard import Evidence, Figures, decide, wilson
from workers.core.likeness import Pair, compared, likeness

RULES = RolloutSettings(automatic=True, min_samples=200)


def figures(jobs: int = 1000, errors: int = 0, p99_ms: int | None = 80) -> Figures:
    return Figures(jobs=jobs, errors=errors, p99_ms=p99_ms)


GOOD = Evidence(live=figures(), canary=figures(jobs=400), pairs=400, alike=380.0)

SITUATIONS = {
    "good": (GOOD, "promote"),
    "too few jobs": (msgspec.structs.replace(GOOD, canary=figures(jobs=199)), "wait"),
    "too few of the live version": (msgspec.structs.replace(GOOD, live=figures(jobs=10)), "wait"),
    "too few texts of both": (msgspec.structs.replace(GOOD, pairs=150, alike=150.0), "wait"),
    "many errors, early": (
        msgspec.structs.replace(GOOD, canary=figures(jobs=40, errors=10), pairs=0, alike=0.0),
        "rollback",
    ),
    "one error of few": (
        msgspec.structs.replace(GOOD, canary=figures(jobs=10, errors=1), pairs=0, alike=0.0),
        "wait",
    ),
    "as many errors as the live version": (
        msgspec.structs.replace(
            GOOD, live=figures(errors=100), canary=figures(jobs=4000, errors=400)
        ),
        "promote",
    ),
    "errors that may be too many": (
        msgspec.structs.replace(GOOD, canary=figures(jobs=400, errors=8)),
        "wait",
    ),
    "other answers, early": (msgspec.structs.replace(GOOD, pairs=40, alike=10.0), "rollback"),
    "other answers": (msgspec.structs.replace(GOOD, pairs=400, alike=200.0), "rollback"),
    "perhaps other answers": (msgspec.structs.replace(GOOD, pairs=400, alike=325.0), "wait"),
    "slow": (msgspec.structs.replace(GOOD, canary=figures(jobs=400, p99_ms=161)), "rollback"),
    "just not slow": (
        msgspec.structs.replace(GOOD, canary=figures(jobs=400, p99_ms=160)),
        "promote",
    ),
    "slow beside a very quick one": (
        msgspec.structs.replace(GOOD, live=figures(p99_ms=2), canary=figures(jobs=400, p99_ms=90)),
        "promote",
    ),
    "nothing yet": (
        Evidence(live=figures(0, p99_ms=None), canary=figures(0, p99_ms=None), pairs=0, alike=0.0),
        "wait",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_becomes_of_a_canary(name: str) -> None:
    evidence, action = SITUATIONS[name]
    verdict = decide(evidence, RULES)
    assert verdict.action == action, verdict.reason
    assert verdict.reason


def test_the_interval_is_wilsons() -> None:
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
    assert wilson(5, 10, 0.95) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 100, 0.95) == pytest.approx((0.0, 0.0370), abs=1e-4)
    assert wilson(100, 100, 0.95) == pytest.approx((0.9630, 1.0), abs=1e-4)


def span(start: int, label: str = "ORG") -> Span:
    return Span(start=start, end=start + 2, label=label, text="ab")


def test_labels_are_alike_or_not() -> None:
    one, other = (Prediction(tokens=1, label=label, score=0.5) for label in ("a", "b"))
    assert (likeness(Pair("en", one, one)), likeness(Pair("en", one, other))) == (1.0, 0.0)


def test_tags_are_alike_by_f1() -> None:
    one = Prediction(tokens=1, spans=(span(0), span(4)))
    other = Prediction(tokens=1, spans=(span(0), span(4, "LOC")))
    nothing = Prediction(tokens=1, spans=())
    assert likeness(Pair("en", one, other)) == 0.5
    assert likeness(Pair("en", nothing, nothing)) == 1.0
    assert compared([Pair("en", one, other), Pair("en", nothing, nothing)]) == {"tag_f1": 0.5}


def test_summaries_are_alike_by_rouge() -> None:
    one = Prediction(tokens=9, summary="the cat sat", score=0.25)
    other = Prediction(tokens=9, summary="the cat ran", score=0.5)
    assert likeness(Pair("en", one, other)) == pytest.approx(2 / 3)
    figures = compared([Pair("en", one, other), Pair("en", one, one)])
    assert figures["rouge_l"] == pytest.approx(5 / 6)
    assert figures["score_divergence"] == pytest.approx(0.125)


def test_nothing_compared_is_nothing_said() -> None:
    assert compared([]) == {}
