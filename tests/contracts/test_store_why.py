"""How a job came to its answer, on both databases."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import UsageError
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import BUILD, World, manifest
from tests.contracts.test_store_comparison import said, shade
from workers.cli import app
from workers.core.endings import quarantined
from workers.sql.why import SqlWhy

__all__ = ["store_url", "world"]


def command(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture(autouse=True)
def database(world: World, store_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXTMILL_DATABASE__URL", store_url)
    monkeypatch.setenv("TEXTMILL_DATA_DIR", str(tmp_path))


def test_an_answer_names_its_route_arm_version_batch_and_worker(world: World) -> None:
    other = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
    world.record(world.answer(1, "review", arm="canary"), version=other)
    shade(world, world.version, [world.answer(1, "review", said=said("negative", 0.9))])
    world.record(world.answer(2, "another"))
    found = json.loads(command("why", "review", "--json"))
    (row,) = found["answers"]
    assert (row["state"], row["version"], row["arm"]) == ("DONE", "mood@2", "canary")
    assert (row["route"], row["batch_id"]) == ("sentiment/en", "batch-1")
    assert (row["topic"], row["partition"], row["record_offset"]) == (world.p.topic, 0, 1)
    assert row["published_at"] < row["created_at"]
    assert row["build"] == row["compared"][0]["build"] == BUILD
    (shadow,) = row["compared"]
    assert (shadow["version"], shadow["label"], shadow["worker_id"]) == (1, "negative", "w1")
    assert "mood@2" in command("why", "review")


def test_a_named_job_came_by_no_route(world: World) -> None:
    world.record(world.answer(1, "review", arm="named"))
    (row,) = json.loads(command("why", "review", "--json"))["answers"]
    assert (row["arm"], row["route"]) == ("named", None)


def test_a_tenants_own_route_is_named(world: World) -> None:
    world.record(world.answer(1, "review", tenant="acme"), world.answer(2, "review", tenant="b"))
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO route (task, lang, tenant, model_version_id, updated_at) "
            f"SELECT 'sentiment', 'en', 'acme', {world.version.version_id}, created_at "
            "FROM result LIMIT 1"
        )
    routes = {
        row["tenant"]: row["route_tenant"] for row in SqlWhy(world.engine).explain("review", None)
    }
    assert routes == {"acme": "acme", "b": None}
    (row,) = json.loads(command("why", "review", "--tenant", "acme", "--json"))["answers"]
    assert row["route"] == "sentiment/en of acme"


def test_an_end_names_the_version_that_failed(world: World) -> None:
    world.ledger.end([quarantined(world.item(1, "bad"), world.version.version_id, "poison", "x")])
    (row,) = json.loads(command("why", "bad", "--json"))["answers"]
    assert (row["state"], row["version"], row["reason"]) == ("QUARANTINED", "mood@1", "poison")


def test_nothing_known_is_said(world: World) -> None:
    with pytest.raises(UsageError, match="nothing is known of a job nobody"):
        command("why", "nobody")


def test_versions_are_compared_over_the_texts_of_both(world: World) -> None:
    other = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
    world.record(*(world.answer(number, said=said("a", 0.5)) for number in range(4)))
    shade(world, other, [world.answer(number, said=said("a", 0.75)) for number in (0, 1)])
    world.record(world.answer(9, said=said("b", 0.5), arm="canary"), version=other)
    shade(world, world.version, [world.answer(9, said=said("a", 0.5))])
    found = json.loads(command("compare", "mood@1", "mood@2", "--json"))
    assert found["versions"] == ["mood@1", "mood@2"]
    assert found["agreement"]["pairs"] == 3
    assert found["agreement"]["label_agreement"] == pytest.approx(2 / 3)
    assert found["agreement"]["score_divergence"] == pytest.approx(0.5 / 3)
    arms = {(row["version"], row["arm"]): row["jobs"] for row in found["arms"]}
    assert arms == {(1, "live"): 4, (1, "shadow"): 1, (2, "canary"): 1, (2, "shadow"): 2}
    assert "label_agreement" in command("compare", "mood@1", "mood@2")
    assert Task.SENTIMENT in command("compare", "mood@1", "mood@2", "--json")
