"""The shipped versions in a registry that other machines share."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from models import artifact
from schemas.settings import Settings
from workers import starters
from workers.assembly import Store
from workers.ports import Registry

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


def test_files_are_found_by_digest() -> None:
    for path in starters.directories():
        assert starters.find(artifact.digest(artifact.read_manifest(path))) == path
    assert starters.find("0" * 64) is None
