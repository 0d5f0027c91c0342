"""What the Registry port promises, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import event

from schemas.errors import UsageError
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, manifest

__all__ = ["store_url", "world"]


def digest(number: int) -> str:
    """Of a version that is no other."""
    return f"{number:064x}"


def test_versions_are_numbered_by_name(world: World) -> None:
    second = world.registry.register(manifest(), digest(2), Path("/m/2"))
    other = world.registry.register(manifest("other"), digest(3), Path("/m/3"))

    assert (second.version, other.version) == (2, 1)
    assert [(v.name, v.version) for v in world.registry.versions()] == [
        ("mood", 1),
        ("mood", 2),
        ("other", 1),
    ]


def test_a_version_comes_back_as_it_was_registered(world: World) -> None:
    (version,) = world.registry.versions()

    assert version == world.version
    assert version.task is Task.SENTIMENT
    assert version.languages == ("zh", "en")
    assert (version.digest, version.path, version.state) == ("a" * 64, Path("/m/1"), "registered")


def test_the_same_digest_is_the_same_version(world: World) -> None:
    again = world.registry.register(manifest(), "a" * 64, Path("/m/1"))

    assert again == world.version
    assert len(world.registry.versions()) == 1


def test_a_manifest_is_read_once(world: World) -> None:
    """Dispatchers look every second, and a manifest is many kilobytes."""
    asked: list[str] = []
    event.listen(world.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    parent = world.registry.register(manifest(), digest(2), Path("/m/2"))
    world.registry.register(manifest(parent=digest(2)), digest(3), Path("/m/3"))
    asked.clear()

    found = world.registry.versions()
    assert [one.parent_id for one in found] == [None, None, parent.version_id]
    assert not [sql for sql in asked if "manifest" in sql]


def test_files_may_move(world: World) -> None:
    moved = world.registry.register(manifest(), "a" * 64, Path("/elsewhere"))

    assert (moved.version_id, moved.path) == (world.version.version_id, Path("/elsewhere"))
    assert world.registry.versions() == [moved]


def test_a_model_answers_one_task(world: World) -> None:
    with pytest.raises(UsageError, match="mood answers sentiment, not tagging"):
        world.registry.register(manifest(task=Task.TAGGING), digest(2), Path("/m"))


def test_many_register_at_once(world: World) -> None:
    def register(number: int) -> int:
        return world.registry.register(manifest(), digest(number // 2), Path("/m")).version

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(register, range(16)))

    assert sorted(numbers) == sorted([*range(2, 10)] * 2)


def test_routes_say_who_answers(world: World) -> None:
    new = world.registry.register(manifest(), digest(2), Path("/m/2"))
    world.registry.route(Task.SENTIMENT, "en", world.version)
    world.registry.route(Task.SENTIMENT, "zh", world.version)
    world.registry.route(Task.SENTIMENT, "en", new)

    routed = world.registry.routes()

    assert {key: version.version for key, version in routed.items()} == {
        (Task.SENTIMENT, "en"): 2,
        (Task.SENTIMENT, "zh"): 1,
    }


def test_a_version_is_live_while_a_route_leads_to_it(world: World) -> None:
    new = world.registry.register(manifest(), digest(2), Path("/m/2"))

    world.registry.route(Task.SENTIMENT, "en", world.version)
    before = [version.state for version in world.registry.versions()]
    world.registry.route(Task.SENTIMENT, "en", new)

    assert before == ["live", "registered"]
    assert [version.state for version in world.registry.versions()] == ["registered", "live"]


def test_a_joint_version_answers_all_its_tasks(world: World) -> None:
    further = {Task.TAGGING: ("O", "B-PER")}
    joint = world.registry.register(manifest("joint", further=further), digest(2), Path("/m/2"))
    for task in joint.tasks:
        world.registry.route(task, "zh", joint)

    assert joint.tasks == (Task.SENTIMENT, Task.TAGGING)
    assert world.registry.routes() == {
        (task, "zh"): msgspec.structs.replace(joint, state="live") for task in joint.tasks
    }
    with pytest.raises(UsageError, match="joint@1 answers sentiment, tagging, not summarization"):
        world.registry.route(Task.SUMMARIZATION, "zh", joint)


def test_a_pre_trained_encoder_is_no_version_to_register(world: World) -> None:
    encoder = manifest("encoder", task=None)
    with pytest.raises(UsageError, match="answers no task: train a model from it"):
        world.registry.register(encoder, digest(2), Path("/m/2"))


def test_a_route_must_fit(world: World) -> None:
    with pytest.raises(UsageError, match="mood@1 answers sentiment, not tagging"):
        world.registry.route(Task.TAGGING, "en", world.version)
    with pytest.raises(UsageError, match="mood@1 reads zh, en, not fr"):
        world.registry.route(Task.SENTIMENT, "fr", world.version)  # type: ignore[arg-type]
