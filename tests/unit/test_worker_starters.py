"""The shipped versions in a registry that other machines share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from models import artifact
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.task import Task
from workers import starters
from workers.assembly import Store
from workers.ports import ModelVersion, Registry

ELSEWHERE = Path("/another/machine")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Store(Settings(data_dir=tmp_path)) as store:
        yield store.registry


def test_the_first_start_registers_and_routes(registry: Registry) -> None:
    starters.enroll(registry)
    assert sorted(version.path for version in registry.versions()) == starters.directories()
    routed = {version.version_id for version in registry.routes().values()}
    assert {v.version_id for v in registry.versions() if v.state == "live"} == routed


def test_those_that_are_wanted_and_no_others(registry: Registry) -> None:
    assert starters.enroll(registry, "none") == []
    assert [one.name for one in starters.enroll(registry, "topic-zh, banking-en")] == [
        "topic-zh",
        "banking-en",
    ]
    assert set(registry.routes()) == {(Task.CLASSIFICATION, "zh")}, "intent-en is the default"
    with pytest.raises(SettingsError, match="`topic-xy`, which is not shipped"):
        starters.enroll(registry, "topic-xy")


def test_a_second_installation_leaves_the_first_ones_paths(registry: Registry) -> None:
    for path in starters.directories():
        manifest = artifact.read_manifest(path)
        registry.register(manifest, artifact.digest(manifest), ELSEWHERE / path.name)
    before = registry.versions()
    starters.enroll(registry)
    assert [version.path for version in registry.versions()] == [one.path for one in before]
    assert registry.routes(), "one that stopped between registering and routing is finished"


def test_another_route_is_left_as_it_is(registry: Registry) -> None:
    starters.enroll(registry)
    (task, language), version = next(iter(registry.routes().items()))
    manifest = artifact.read_manifest(version.path)
    other = registry.register(msgspec.structs.replace(manifest, name="own"), "0" * 64, ELSEWHERE)
    registry.route(task, language, other)
    starters.enroll(registry)
    assert registry.routes()[task, language] == msgspec.structs.replace(other, state="live")


def _earlier(registry: Registry, path: Path) -> ModelVersion:
    """An earlier release's version of a starter, which answers; its files are at `path`."""
    manifest = artifact.read_manifest(starters.directories()[0])
    digest = artifact.digest(artifact.read_manifest(path)) if path.exists() else "0" * 64
    earlier = registry.register(manifest, digest, path)
    registry.route(earlier.task, earlier.languages[0], earlier)
    return earlier


def test_after_an_upgrade_the_successor_answers(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = _earlier(registry, ELSEWHERE)
    enrolled = {version.name: version for version in starters.enroll(registry)}
    routed = registry.routes()[earlier.task, earlier.languages[0]]
    assert (routed.name, routed.version) == (earlier.name, 2)
    assert routed.digest == enrolled[earlier.name].digest
    assert f"{earlier.name}@1 is not here any more" in caplog.text


def test_a_version_whose_files_are_here_is_left(registry: Registry, tmp_path: Path) -> None:
    shutil.copytree(starters.directories()[0], tmp_path / "kept")
    manifest = artifact.read_manifest(tmp_path / "kept")
    older = msgspec.structs.replace(manifest, created_at="2020-01-01T00:00:00+00:00")
    (tmp_path / "kept" / artifact.MANIFEST).write_bytes(msgspec.json.encode(older))
    earlier = _earlier(registry, tmp_path / "kept")
    starters.enroll(registry)
    assert registry.routes()[earlier.task, earlier.languages[0]].version == 1


def test_an_older_release_does_not_take_the_route_back(registry: Registry) -> None:
    starters.enroll(registry)
    newer = _earlier(registry, ELSEWHERE)
    assert newer.version == 2
    starters.enroll(registry)
    assert registry.routes()[newer.task, newer.languages[0]].version == 2


def test_files_are_found_by_digest() -> None:
    for path in starters.directories():
        assert starters.find(artifact.digest(artifact.read_manifest(path))) == path
    assert starters.find("0" * 64) is None
