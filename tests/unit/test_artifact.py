"""A version directory: whole, named by its content, refused when anything is amiss."""

import zipfile
from pathlib import Path

import pytest

from models import artifact
from schemas.errors import ArtifactError
from schemas.model_version import Manifest
from schemas.task import Task
from tests.full_disk import full_after

MANIFEST = Manifest(
    name="toy",
    task=Task.CLASSIFICATION,
    languages=("en",),
    labels=("a", "b"),
    max_length=8,
    architecture={},
    files={},
)


def _members(folder: Path, keras: tuple[str, ...]) -> dict[str, Path]:
    folder.mkdir()
    for name in (artifact.TOKENIZER, artifact.CARD):
        (folder / name).write_text(name)
    with zipfile.ZipFile(folder / artifact.WEIGHTS, "w") as container:
        for member in keras:
            container.writestr(zipfile.ZipInfo(member), "{}")
    return {name: folder / name for name in artifact.MEMBERS}


def _save(tmp_path: Path, name: str = "v", keras: tuple[str, ...] | None = None) -> Path:
    members = keras or ("metadata.json", "config.json", "model.weights.h5")
    artifact.save(tmp_path / name, MANIFEST, _members(tmp_path / f"{name}.parts", members))
    return tmp_path / name


def test_what_was_saved_verifies(tmp_path: Path) -> None:
    manifest = artifact.verify(_save(tmp_path))
    assert manifest.name == "toy"
    assert set(manifest.files) == artifact.MEMBERS


def test_equal_content_has_an_equal_digest(tmp_path: Path) -> None:
    one, other = (artifact.read_manifest(_save(tmp_path, name)) for name in ("one", "other"))
    assert artifact.digest(one) == artifact.digest(other)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    members = _members(tmp_path / "parts", ("metadata.json", "config.json", "model.weights.h5"))
    before = sorted(tmp_path.iterdir())
    with full_after(100), pytest.raises(OSError, match="too large"):
        artifact.save(tmp_path / "v", MANIFEST, members)
    assert sorted(tmp_path.iterdir()) == before


def test_a_version_is_never_written_over(tmp_path: Path) -> None:
    version = _save(tmp_path)
    with pytest.raises(ArtifactError, match="exists already"):
        artifact.save(version, MANIFEST, _members(tmp_path / "more", ("config.json",)))


@pytest.mark.parametrize("member", sorted(artifact.MEMBERS))
def test_one_changed_bit_is_refused(tmp_path: Path, member: str) -> None:
    path = _save(tmp_path) / member
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        artifact.verify(path.parent)


def test_a_missing_or_linked_member_is_refused(tmp_path: Path) -> None:
    version = _save(tmp_path)
    card = version / artifact.CARD
    card.rename(tmp_path / "card")
    with pytest.raises(ArtifactError, match="missing"):
        artifact.verify(version)
    card.symlink_to(tmp_path / "card")
    with pytest.raises(ArtifactError, match="plain file"):
        artifact.verify(version)


def test_an_unknown_file_is_refused(tmp_path: Path) -> None:
    version = _save(tmp_path)
    (version / "extra.py").write_text("")
    with pytest.raises(ArtifactError, match=r"extra\.py"):
        artifact.verify(version)


def test_a_name_that_leaves_the_directory_is_refused(tmp_path: Path) -> None:
    version = _save(tmp_path)
    path = version / artifact.MANIFEST
    path.write_text(path.read_text().replace(artifact.CARD, f"../{artifact.CARD}"))
    with pytest.raises(ArtifactError, match="list of files"):
        artifact.verify(version)


def test_a_container_with_other_members_is_refused(tmp_path: Path) -> None:
    version = _save(tmp_path, keras=("config.json", "evil.pkl"))
    with pytest.raises(ArtifactError, match=r"evil\.pkl"):
        artifact.verify(version)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": 2}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / artifact.MANIFEST).write_bytes(content)
    with pytest.raises(ArtifactError, match="not a manifest"):
        artifact.read_manifest(tmp_path)


def test_no_manifest_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no manifest"):
        artifact.read_manifest(tmp_path)
