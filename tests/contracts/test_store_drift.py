"""The view `drift`: how far a version's newest answers are from its first, on both databases."""

import math
from pathlib import Path

import pytest
from sqlalchemy import text

from models.training.expected import spread
from schemas.prediction import Prediction
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, manifest
from workers.ports import ModelVersion

__all__ = ["store_url", "world"]
FIRST = 1000


def said(label: str, score: float, tokens: int) -> Prediction:
    return Prediction(tokens=tokens, label=label, score=score, scores={label: score})


def answer(
    world: World, begin: int, count: int, *kinds: Prediction, by: ModelVersion | None = None
) -> None:
    """So many answers, the kinds in turn."""
    numbers = range(begin, begin + count)
    answers = (world.answer(n, said=kinds[n % len(kinds)]) for n in numbers)
    world.record(*answers, version=by)


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


def test_what_a_manifest_expects_is_the_base(world: World) -> None:
    """From the first hundred answers on, and in the same buckets, whatever the number."""
    kinds = [
        Prediction(tokens=tokens, label="a", score=score, scores={"a": score})
        for tokens, score in ((4, 0.1), (5, 0.0999), (512, 1.0), (513, 0.9))
    ]
    expected = {Task.SENTIMENT: spread(kinds * 3, "en")}
    version = world.registry.register(manifest(expected=expected), "b" * 64, Path("/m/2"))

    answer(world, 0, 96, *kinds, by=version)
    assert psi(world) == {}, "too few to say"
    answer(world, 96, 4, *kinds, by=version)
    assert psi(world) == pytest.approx({"length": 0, "lang": 0, "label": 0, "score": 0})
    answer(world, 100, 900, ONE, by=version)
    found = psi(world)
    assert found["length"] > 1
    assert found["label"] == pytest.approx(0)
    assert world.rows("SELECT DISTINCT base, first_answers FROM drift") == [("development", 12)]


def test_without_one_it_is_the_first_answers(world: World) -> None:
    answer(world, 0, FIRST + 100, ONE, OTHER)
    assert world.rows("SELECT DISTINCT base FROM drift") == [("first answers",)]
