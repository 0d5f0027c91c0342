"""What is refused in a `.keras` file before anything opens it."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from models import container
from schemas.errors import ArtifactError

HARMLESS = {
    "class_name": "Functional",
    "module": "keras.src.models.functional",
    "config": {"layers": [{"class_name": "Dense", "module": "keras.layers", "config": {}}]},
}


def keras_file(
    path: Path, config: Any = HARMLESS, weights: bytes = b"weights", **more: bytes
) -> Path:
    """A container with this configuration and weights."""
    members = {"metadata.json": b"{}", "config.json": json.dumps(config).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in (members | {"model.weights.h5": weights} | more).items():
            opened.writestr(name, content)
    return path


def test_a_plain_network_passes(tmp_path: Path) -> None:
    container.check(keras_file(tmp_path / "m"))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.layers", "Lambda"),
        (None, "__lambda__"),
        ("os", "system"),
        ("keras.utils", "get_file"),
        ("keras.src.utils.file_utils", "get_file"),
        ("models.training.run", "Run"),
        (None, "Dense"),
    ],
)
def test_code_is_refused_however_deep(tmp_path: Path, module: str | None, name: str) -> None:
    config = HARMLESS | {"deep": [[{"inner": {"class_name": name, "module": module}}]]}
    with pytest.raises(ArtifactError, match=f"may run code.*{name}"):
        container.check(keras_file(tmp_path / "m", config))


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="zip bomb"):
        container.check(keras_file(tmp_path / "m", weights=bytes(10**7)))


def test_a_member_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m", weights=b"w" * 40)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # of the last member, in the directory at the end
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.weights\.h5 unpacks to"):
        container.check(path)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "evil.pkl", "assets/x"])
def test_a_member_that_leaves_its_place_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="holds"):
        container.check(keras_file(tmp_path / "m", **{name: b"x"}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m")
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr("config.json", "{}")
    with pytest.raises(ArtifactError, match="holds"):
        container.check(path)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x80\x05]q\x00.", b"PK\x03\x04"])
def test_hdf5_pickle_and_rubbish_are_no_containers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ArtifactError, match="not a Keras file"):
        container.check(tmp_path / "m")


def test_a_configuration_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with zipfile.ZipFile(path, "w") as opened:
        for name in container.MEMBERS:
            opened.writestr(name, b"\xff")
    with pytest.raises(ArtifactError, match="not JSON"):
        container.check(path)


def test_a_member_that_does_not_unpack_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        begin = opened.getinfo(container.CONFIG).header_offset + 30 + len(container.CONFIG)
    content[begin : begin + 20] = b"\xff" * 20
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="is not a Keras file"):
        container.check(path)
