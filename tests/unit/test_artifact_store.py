"""The store of version files: copied once, fetched by digest, checked on arrival."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import msgspec
import pytest

from models import artifact
from schemas.errors import ArtifactError, SettingsError
from schemas.settings import Settings
from schemas.task import Task
from tests.unit.test_gate import directory
from workers.artifact_store import ArtifactStore, located, open_store
from workers.ports import ModelVersion


@pytest.fixture(params=["directory", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store as a plain directory, and through fsspec twice."""
    places = {"directory": "", "file": "file://", "memory": "memory://"}
    yield places[request.param] + str(tmp_path / "store")
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return directory(tmp_path, "v")


def digest_of(version: Path) -> str:
    return artifact.digest(artifact.read_manifest(version))


def registered(version: Path, digest: str) -> ModelVersion:
    return ModelVersion(
        version_id=1,
        name="toy",
        version=1,
        task=Task.CLASSIFICATION,
        languages=("en",),
        digest=digest,
        path=version,
        state="registered",
    )


def test_another_machine_gets_the_same_files(url: str, tmp_path: Path, version: Path) -> None:
    digest = digest_of(version)
    ArtifactStore(url, tmp_path / "here").put(version, digest)
    ArtifactStore(url, tmp_path / "here").put(version, digest)
    there = ArtifactStore(url, tmp_path / "there")
    shutil.rmtree(version)
    found = located(registered(version, digest), there)
    assert found == tmp_path / "there" / digest
    assert artifact.digest(artifact.verify(found)) == digest
    assert [path.name for path in (tmp_path / "there").iterdir()] == [digest]


def test_what_is_here_is_not_fetched_again(url: str, tmp_path: Path, version: Path) -> None:
    digest = digest_of(version)
    store = ArtifactStore(url, tmp_path / "cache")
    store.put(version, digest)
    first = store.fetch(digest)
    files, root = fsspec.core.url_to_fs(url)
    files.rm(root, recursive=True)
    assert store.fetch(digest) == first


def test_a_damaged_file_never_arrives(url: str, tmp_path: Path, version: Path) -> None:
    digest = digest_of(version)
    store = ArtifactStore(url, tmp_path / "cache")
    store.put(version, digest)
    files, root = fsspec.core.url_to_fs(url)
    with files.open(f"{root}/{digest}/{artifact.TOKENIZER}", "wb") as file:
        file.write(b"another")
    with pytest.raises(ArtifactError, match="damaged"):
        store.fetch(digest)
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_version_under_its_name_is_refused(url: str, tmp_path: Path, version: Path) -> None:
    store = ArtifactStore(url, tmp_path / "cache")
    store.put(version, "0" * 64)
    with pytest.raises(ArtifactError, match="another version"):
        store.fetch("0" * 64)


def test_what_the_store_lacks_is_taken_from_its_path(
    url: str, tmp_path: Path, version: Path
) -> None:
    store = ArtifactStore(url, tmp_path / "cache")
    assert store.fetch("0" * 64) is None
    assert located(registered(version, "0" * 64), store) == version
    assert located(registered(version, "0" * 64), None) == version


def test_no_setting_no_store(tmp_path: Path) -> None:
    assert open_store(Settings(data_dir=str(tmp_path))) is None


def test_an_unknown_kind_of_store_is_a_wrong_setting(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    wrong = msgspec.structs.replace(settings.models, store="nothing://here")
    with pytest.raises(SettingsError, match="TEXTMILL_MODELS__STORE"):
        open_store(msgspec.structs.replace(settings, models=wrong))
