"""The weights in a `.keras` file without the network that they are of: read as they lie there.

Keras builds the network and looks at every attribute of every layer to find where a weight goes,
which takes more than ten times as long as reading them. Where a version needs no network of its
own, its weights by the names of their layers are enough.
"""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

from models import container
from schemas.errors import ArtifactError

_LAYERS = "layers"
_WEIGHTS = "vars"
_NAME = "name"


class Stored(msgspec.Struct, frozen=True):
    """What is known of a network by its file."""

    layers: Mapping[str, list[NDArray[np.float32]]]
    """Weights of each layer that has any, by its name."""
    input_shape: tuple[int | None, ...] = (None, None)
    """Ids alone."""

    def count_params(self) -> int:
        """Return how many numbers all weights have, as a `keras.Model` does."""
        return sum(one.size for weights in self.layers.values() for one in weights)


def stored(path: Path) -> Stored | None:
    """Read a checked `.keras` file; None where Keras alone knows which weight is which: a layer is
    made of others, or has no name.

    Raises ArtifactError where it is no such file.
    """
    try:
        with zipfile.ZipFile(path) as file:
            content = file.read(container.WEIGHTS)
        with h5py.File(BytesIO(content), "r") as weights:
            groups = [_own(weights[_LAYERS], name) for name in weights[_LAYERS]]
            own = [_own(group, _WEIGHTS) for group in groups]
            if any(map(_is_nested, groups)) or not all(_NAME in one.attrs for one in own):
                return None
            found = {str(one.attrs[_NAME]): _numbers(one) for one in own}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: the weights cannot be read") from error
    return Stored({name: some for name, some in found.items() if some})


def _is_nested(group: Any) -> bool:
    """Whether a layer holds layers with weights; a dropout's state of chance is none."""
    inner = [name for name in group if name not in {_WEIGHTS, "seed_generator"}]
    return any(len(_own(_own(group, name), _WEIGHTS)) > 0 for name in inner)


def _numbers(group: Any) -> list[NDArray[np.float32]]:
    return [np.asarray(_own(group, str(at))[()], np.float32) for at in range(len(group))]


def _own(group: Any, name: str) -> Any:
    """Return a member that lies in this file itself; a link or a view could name another file."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(name)
    member = group[name]
    if isinstance(member, h5py.Dataset) and (member.is_virtual or member.external):
        raise ValueError(name)
    return member
