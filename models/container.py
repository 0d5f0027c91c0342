"""What may be in a `.keras` file: a zip of three members, of sizes that can be true, without code.

Nothing of it is run by Textmill, which builds networks from the manifest's architecture. But the
file may reach somebody who opens it with Keras, and a network that was saved with code of its own
is not what its manifest says. So a Lambda layer, or a class from anywhere but Keras and
`models.layers` and `models.heads`, is refused before anything opens the file.
"""

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.errors import ArtifactError

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.weights.h5"
MEMBERS: Final = frozenset({"metadata.json", CONFIG, WEIGHTS})

_MOST: Final = {"metadata.json": 2**16, CONFIG: 2**24, WEIGHTS: 2**32}
"""Bytes of each member at most, unpacked."""
_RATIO: Final = 100
"""How many times larger a member may be unpacked. Weights hardly shrink; a bomb by a thousand."""
_KNOWN: Final = re.compile(
    r"keras(\.(layers|initializers|quantizers|regularizers|constraints|activations|optimizers"
    r"|losses|metrics|dtype_policies|src\.(layers|models|ops|dtype_policies)(\.\w+)*))?|models\.(heads|layers)\.\w+"
)
"""Modules that a network's classes may be from."""
_DAMAGED: Final = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError),
    *(zlib.error, lzma.LZMAError, EOFError, OSError),
)
"""What opening the container and unpacking a member raise, by its method."""
_PLAIN: Final = frozenset({"__keras_tensor__", "__slice__", "__ellipsis__", "__tensor__"})
"""Classes that are of no module, as they are values."""


def check(path: Path) -> None:
    """Refuse a file that is no such container; ArtifactError says what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as container:
            _check_members(path, container)
            config = msgspec.json.decode(container.read(CONFIG))
    except _DAMAGED as error:
        raise ArtifactError(f"{path} is not a Keras file: {error}") from error
    except msgspec.DecodeError as error:
        raise ArtifactError(f"{path}: its {CONFIG} is not JSON: {error}") from error
    for module, name in _classes(config):
        if not _harmless(module, name):
            raise ArtifactError(
                f"{path} may run code: it names {module or 'no module'}:{name}, and only layers of "
                "Keras but Lambda, and those of Textmill, are let in"
            )


def _check_members(path: Path, container: zipfile.ZipFile) -> None:
    found = sorted(member.filename for member in container.infolist())
    if found != sorted(MEMBERS):
        raise ArtifactError(f"{path} holds {found}, not {sorted(MEMBERS)}")
    for member in container.infolist():
        if member.file_size > _MOST[member.filename]:
            raise ArtifactError(
                f"{path}: {member.filename} is {member.file_size} bytes unpacked, more than "
                f"{_MOST[member.filename]}"
            )
        if member.file_size > _RATIO * max(member.compress_size, 1):
            raise ArtifactError(
                f"{path}: {member.filename} unpacks to {member.file_size} bytes from "
                f"{member.compress_size}, as a zip bomb does"
            )


def _classes(value: Any) -> Iterator[tuple[str, str]]:
    """Yield module and name of every class that a configuration names."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield str(one.get("module") or ""), str(one["class_name"])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _harmless(module: str, name: str) -> bool:
    if "lambda" in name.lower():
        return False
    return bool(_KNOWN.fullmatch(module)) if module else name in _PLAIN
