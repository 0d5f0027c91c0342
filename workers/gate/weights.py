"""What may be in a file of weights: arrays of numbers, all in the file itself.

HDF5 can do more: point into other files, name datasets that other programs write, keep pickled
objects, and pack a terabyte of zeros into a kilobyte. Opened in the process of the trial alone,
since the library is written in C.
"""

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import h5py

from models import container
from schemas.errors import ArtifactError

_RATIO: Final = 100
"""How many times more bytes the arrays may have than the file."""


def check(path: Path) -> None:
    """Refuse weights in the container `path` that are not plain arrays; ArtifactError says why."""
    with zipfile.ZipFile(path) as opened:
        content = opened.read(container.WEIGHTS)
    try:
        with h5py.File(io.BytesIO(content)) as file:
            size = _size(path, file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path}: its weights are no HDF5 file: {error}") from error
    if size > _RATIO * len(content):
        raise ArtifactError(
            f"{path}: its weights unpack to {size} bytes from {len(content)}, as a bomb does"
        )


def _size(path: Path, group: Any) -> int:
    """Bytes of all arrays below a group."""
    size = 0
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ArtifactError(f"{path}: its weights point elsewhere, at {group.name}/{name}")
        item = group[name]
        if isinstance(item, h5py.Group):
            size += _size(path, item)
        elif _plain(item):
            size += item.nbytes
        else:
            raise ArtifactError(f"{path}: {item.name} is no plain array of numbers")
    return size


def _plain(item: Any) -> bool:
    if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
        return False
    return item.dtype.kind in "fiub"
