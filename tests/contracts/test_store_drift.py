"""The view `drift`: how far a version's newest answers are from its first, on both databases."""

import math

import pytest
from sqlalchemy import text

from schemas.prediction import Prediction
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World

__all__ = ["store_url", "world"]
FIRST = 1000


def said(label: str, score: float, tokens: int) -> Prediction:
    return Prediction(tokens=tokens, label=label, score=score, scores={label: score})


def answer(world: World, begin: int, count: int, *kinds: Prediction) -> None:
    """So many answers, the kinds in turn."""
    numbers = range(begin, begin + count)
    world.record(*(world.answer(n, said=kinds[n % len(kinds)]) for n in numbers))


def psi(world: World) -> dict[str, float]:
    with world.engine.connect() as connection:
        rows = connection.execute(text("SELECT feature, psi FROM drift")).all()
    return {feature: value for feature, value in rows}


ONE, OTHER = said("a", 0.95, 10), said("b", 0.55, 100)


def test_the_same_texts_do_not_drift(world: World) -> None:
    answer(world, 0, FIRST, ONE, OTHER)
    assert psi(world) == {}, "nothing to compare with yet"
    answer(world, FIRST, 200, ONE, OTHER)
    assert psi(world) == pytest.approx({"length": 0, "lang": 0, "label": 0, "score": 0})


def test_other_texts_do(world: World) -> None:
    answer(world, 0, FIRST, ONE, OTHER)
    answer(world, FIRST, 200, ONE, ONE, ONE, OTHER)
    expected = 0.25 * math.log(0.75 / 0.5) - 0.25 * math.log(0.25 / 0.5)
    assert psi(world) == pytest.approx(
        {"length": expected, "lang": 0, "label": expected, "score": expected}
    )


def test_a_label_that_was_never_seen_counts(world: World) -> None:
    answer(world, 0, FIRST, ONE)
    answer(world, FIRST, 100, OTHER)
    assert psi(world)["label"] == pytest.approx(2 * 0.9999 * math.log(1 / 0.0001))
