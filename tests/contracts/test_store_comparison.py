"""The views that compare arms, and what a shadow answered, on both databases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from schemas.batch import Batch
from schemas.prediction import Prediction, Span
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import TAGS, World, manifest
from workers.core.endings import quarantined
from workers.ports import Answer, ModelVersion
from workers.sql.erasure import erase

__all__ = ["store_url", "world"]


@pytest.fixture
def other(world: World) -> ModelVersion:
    """The second version of the model."""
    return world.registry.register(manifest(), "b" * 64, Path("/m/2"))


def shade(
    world: World, version: ModelVersion, answers: Sequence[Answer], *missing: Any, why: str = "why"
) -> None:
    batch = Batch(
        batch_id="s",
        attempt=1,
        reply_to="d",
        version_id=version.version_id,
        digest=version.digest,
        items=(*(answer.item for answer in answers), *missing),
        worker_id="w1",
        shadow=True,
    )
    world.results.compare(batch, answers, 0.5, why)


def view(world: World, name: str) -> list[dict[str, Any]]:
    with world.engine.connect() as connection:
        rows = connection.execute(text(f"SELECT * FROM {name} ORDER BY arm, version")).mappings()
        return [dict(row) for row in rows]


def said(label: str, score: float) -> Prediction:
    return Prediction(tokens=3, label=label, score=score, scores={label: score})


def test_a_shadow_settles_nothing_and_may_be_told_twice(world: World, other: ModelVersion) -> None:
    world.record(world.answer(1))
    before = world.everything()
    for _ in range(2):
        shade(world, other, [world.answer(1)], world.item(2), why="model_unavailable")
    assert world.everything() == before
    rows = world.rows("SELECT record_offset, label, error, worker_id FROM shadow_result ORDER BY 1")
    assert rows == [(1, "positive", None, "w1"), (2, None, "model_unavailable", "w1")]


def test_an_erased_job_gets_no_shadow_answer_later(world: World, other: ModelVersion) -> None:
    world.record(world.answer(1), world.answer(2))
    job = world.item(1).job
    erase(world.engine, job.tenant, job.job_id)
    shade(world, other, [world.answer(1), world.answer(2)])
    assert world.rows("SELECT record_offset FROM shadow_result") == [(2,)]


def test_arms_are_counted_with_their_errors_and_latencies(
    world: World, other: ModelVersion
) -> None:
    world.record(*(world.answer(number) for number in range(10)))
    world.record(*(world.answer(number, arm="canary") for number in (10, 11, 12)), version=other)
    guilty = quarantined(world.item(13, arm="canary"), other.version_id, "poison", "fails")
    world.results.record(_empty(world), [], [guilty], 0.0)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE result SET latency_ms = 10 * (record_offset + 1)"))
    canary, live = view(world, "arm_stats")
    assert (live["arm"], live["model"], live["version"], live["tenant"]) == ("live", "mood", 1, "")
    assert (live["jobs"], live["errors"], live["error_rate"]) == (10, 0, 0)
    assert (live["p50_ms"], live["p99_ms"]) == (50, 100)
    assert live["compute_ms"] == pytest.approx(50)
    assert (canary["arm"], canary["version"]) == ("canary", 2)
    assert (canary["jobs"], canary["errors"], float(canary["error_rate"])) == (4, 1, 0.25)
    assert (canary["p50_ms"], canary["p99_ms"]) == (120, 130)


def test_what_no_version_is_to_blame_for_is_no_error_of_an_arm(world: World) -> None:
    world.record(world.answer(1), endings=[world.ending(2), world.ending(3, Terminal.EXPIRED)])
    (live,) = view(world, "arm_stats")
    assert (live["jobs"], live["errors"]) == (1, 0)


def test_a_tenant_with_a_route_of_its_own_is_an_arm_of_its_own(world: World) -> None:
    world.record(world.answer(1, tenant="acme"), world.answer(2, tenant="other"))
    insert = (
        "INSERT INTO route (task, lang, tenant, model_version_id, updated_at) "
        f"SELECT 'sentiment', 'en', 'acme', {world.version.version_id}, created_at FROM result "
        "LIMIT 1"
    )
    with world.engine.begin() as connection:
        connection.execute(text(insert))
    assert sorted(row["tenant"] for row in view(world, "arm_stats")) == ["", "acme"]


def test_agreement_is_counted_over_the_same_texts(world: World, other: ModelVersion) -> None:
    heard = [said("a", 0.9), said("a", 0.8), said("b", 0.7), said("b", 0.6)]
    shadow = [said("a", 0.9), said("a", 0.7), said("b", 0.7), said("a", 0.9)]
    world.record(*(world.answer(number, said=one) for number, one in enumerate(heard)))
    answers = [world.answer(number, said=one) for number, one in enumerate(shadow)]
    shade(world, other, answers, world.item(9))
    (row,) = view(world, "arm_agreement")
    assert (row["version"], row["shadow_version"], row["pairs"]) == (1, 2, 4)
    assert float(row["label_agreement"]) == 0.75
    assert row["score_divergence"] == pytest.approx(0.1)
    assert row["worst_score_divergence"] == pytest.approx(0.3)
    assert (row["tag_f1"], row["summary_agreement"]) == (None, None)
    shadowed = next(one for one in view(world, "arm_stats") if one["arm"] == "shadow")
    assert (shadowed["jobs"], shadowed["errors"]) == (5, 1)


def test_tags_are_compared_by_f1(world: World, other: ModelVersion) -> None:
    one = Span(start=0, end=4, label="ORG", text="Acme", score=0.2)
    wrong = Span(start=0, end=3, label="ORG", text="Acm", score=0.9)
    heard, shadow = TAGS, Prediction(tokens=4, spans=(one, wrong))
    world.record(world.answer(1, said=heard, task=Task.TAGGING))
    shade(world, other, [world.answer(1, said=shadow, task=Task.TAGGING)])
    (row,) = view(world, "arm_agreement")
    assert float(row["tag_f1"]) == 0.5, "one of two and two"
    assert row["label_agreement"] is None


def test_the_views_hold_without_a_row(world: World) -> None:
    assert view(world, "arm_stats") == view(world, "arm_agreement") == []


def _empty(world: World) -> Batch:
    version = world.version
    return Batch(
        batch_id="e",
        attempt=1,
        reply_to="d",
        version_id=version.version_id,
        digest=version.digest,
        items=(),
    )
