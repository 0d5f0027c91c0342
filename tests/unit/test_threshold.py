"""How sure a network must be: tables of small situations."""

from collections.abc import Sequence

import pytest

from models.answering.answerer import Judged
from models.compression.threshold import TRIED, lowest
from models.compression.tuning import Promise, tune
from schemas.errors import DataError
from schemas.prediction import Prediction

SURE = (0.5, 0.9, 0.7, 0.8, 0.6)


def test_the_lowest_threshold_before_the_first_excess_in_the_middle_of_a_gap() -> None:
    lost = {0.85: 0.0, 0.75: 0.3, 0.65: -0.5, 0.55: 0.4, 0.5: 0.1}
    seen: list[float] = []

    def loss(threshold: float) -> float:
        seen.append(threshold)
        return lost[round(threshold, 6)]

    assert lowest(SURE, loss, 0.3) == pytest.approx(0.65)
    assert seen == pytest.approx([0.85, 0.75, 0.65, 0.55])
    with pytest.raises(DataError, match="cannot be kept"):
        lowest(SURE, lambda threshold: 0.3, 0.2)


def test_many_texts_are_scored_a_few_hundred_times() -> None:
    seen: list[float] = []

    def loss(threshold: float) -> float:
        seen.append(threshold)
        return 0.0

    assert lowest([at / 5000 for at in range(5000)], loss, 0.0) == 0.0
    assert len(seen) <= TRIED + 1


def said(label: str, confidence: float = 0.0) -> Judged:
    return Judged(Prediction(tokens=1, label=label), confidence)


RIGHT = [one.answer for one in map(said, "abcde")]


def value(answers: Sequence[Prediction]) -> float:
    return sum(one.label == other.label for one, other in zip(answers, RIGHT, strict=True)) / 5


@pytest.mark.parametrize(
    ("labels", "promise", "threshold", "share"),
    [
        ("abcde", Promise(agreement=1.0), 0.5, 1.0),
        ("xbcde", Promise(agreement=1.0), 0.55, 0.8),
        ("abxde", Promise(agreement=1.0), 0.75, 0.4),
        ("abxde", Promise(agreement=0.8), 0.5, 1.0),
        ("xbxde", Promise(loss=20.0), 0.55, 0.8),
    ],
)
def test_as_many_stand_as_the_promise_allows(
    labels: str, promise: Promise, threshold: float, share: float
) -> None:
    early = [said(label, sure) for label, sure in zip(labels, SURE, strict=True)]
    tuned = tune([early], RIGHT, value, promise)
    assert tuned.threshold == pytest.approx(threshold)
    assert tuned.shares == pytest.approx((share, 1 - share))
    assert tuned.lost == pytest.approx(100 * (1 - tuned.score))
    assert tuned.agreement == pytest.approx(tuned.score)
    assert all(tuned.clear) == (threshold != 0.5), "the least sure text is the threshold there"


def test_the_first_exit_that_is_sure_answers() -> None:
    first = [said("a", 0.9), said("x", 0.1), said("x", 0.2), said("d", 0.95), said("x", 0.3)]
    second = [said("x", 0.1), said("b", 0.8), said("x", 0.4), said("x", 0.1), said("e", 0.85)]
    tuned = tune([first, second], RIGHT, value, Promise(agreement=1.0))
    assert tuned.ends == [0, 1, 2, 0, 1]
    assert tuned.shares == (0.4, 0.4, 0.2)
    assert (tuned.agreement, tuned.lost) == (1.0, 0.0)
    assert tuned.threshold == pytest.approx(0.6)
