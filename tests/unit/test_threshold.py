"""How sure a network must be: tables of small situations."""

from collections.abc import Sequence

import pytest

from models.compression.threshold import TRIED, Chosen, by_agreement, by_loss
from schemas.errors import DataError

SURE = (0.5, 0.9, 0.7, 0.8, 0.6)


@pytest.mark.parametrize(
    ("agrees", "least", "threshold", "share"),
    [
        ((True,) * 5, 1.0, 0.5, 1.0),
        ((False, True, True, True, True), 1.0, 0.55, 0.8),
        ((True, True, False, True, True), 1.0, 0.75, 0.4),
        ((True, True, False, True, True), 0.8, 0.5, 1.0),
        ((False, True, False, True, True), 0.8, 0.55, 0.8),
    ],
)
def test_as_many_stand_as_leave_the_agreement(
    agrees: Sequence[bool], least: float, threshold: float, share: float
) -> None:
    chosen = by_agreement(SURE, agrees, least)
    assert chosen == Chosen(pytest.approx(threshold), pytest.approx(share))
    early = [at for at, one in enumerate(SURE) if one >= chosen.threshold]
    assert len(early) == share * len(SURE)
    assert sum(not agrees[at] for at in early) <= (1 - least) * len(SURE) + 1e-9


def test_what_is_as_sure_stands_or_goes_on_together() -> None:
    chosen = by_agreement((0.9, 0.8, 0.8, 0.8), (True, True, False, True), 1.0)
    assert chosen == Chosen(pytest.approx(0.85), 0.25)
    with pytest.raises(DataError, match="an agreement of 1 cannot be kept"):
        by_agreement((0.8, 0.8), (True, False), 1.0)


def test_a_loss_ends_where_it_is_first_too_large() -> None:
    lost = {1: 0.0, 2: 0.3, 3: -0.5, 4: 0.4, 5: 0.1}
    seen: list[int] = []

    def loss(early: Sequence[int]) -> float:
        seen.append(len(early))
        assert [SURE[at] for at in early] == sorted(SURE, reverse=True)[: len(early)]
        return lost[len(early)]

    assert by_loss(SURE, loss, 0.3) == Chosen(pytest.approx(0.65), 0.6)
    assert seen == [1, 2, 3, 4]
    with pytest.raises(DataError, match=r"a loss of 0\.2 points cannot be kept"):
        by_loss(SURE, lambda early: 0.3, 0.2)


def test_many_texts_are_scored_a_few_hundred_times() -> None:
    seen: list[int] = []

    def loss(early: Sequence[int]) -> float:
        seen.append(len(early))
        return 0.0

    many = [at / 5000 for at in range(5000)]
    assert by_loss(many, loss, 0.0).share == 1.0
    assert len(seen) <= TRIED + 1
