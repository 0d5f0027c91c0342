"""What a training needs to go on after it was stopped: arrays and a little JSON, no pickle.

    state.npz       every variable of network and optimiser, in order
    best.npz        the weights that scored best so far
    progress.json   epochs, steps and scores

`progress.json` is replaced last, so a training stopped while writing goes on from the epoch before.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from schemas.errors import DataError


class Progress(msgspec.Struct):
    """How far a training is; grows while it runs."""

    epochs: int = 0
    """Epochs finished."""
    steps: int = 0
    train: list[dict[str, float]] = []
    """One row a report: step, loss and scores over the steps since the last."""
    dev: list[dict[str, float]] = []
    """One row an epoch: epoch and scores."""

    metric: str = "accuracy"
    """The dev score that decides which epoch is the best."""

    @property
    def best_epoch(self) -> int:
        """Number, from 1, of the first epoch with the best dev score; 0 before any."""
        best = max(self.dev, key=lambda row: row[self.metric], default=None)
        return int(best["epoch"]) if best else 0


class Checkpoint:
    """A folder with the latest state of one training."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def save(self, variables: Sequence[Any], progress: Progress) -> None:
        """Write the state of `variables` (Keras variables), then the progress."""
        name = f"state-{progress.epochs}.npz"
        _write(self._folder / name, [np.asarray(variable) for variable in variables])
        path = self._folder / "progress.json"
        staging = path.with_suffix(".new")
        staging.write_bytes(msgspec.json.encode(progress))
        os.replace(staging, path)
        for old in self._folder.glob("state-*.npz"):
            if old.name != name:
                old.unlink()

    def restore(self, variables: Sequence[Any]) -> Progress | None:
        """Assign the saved state to `variables`; None where nothing was saved."""
        path = self._folder / "progress.json"
        if not path.exists():
            return None
        progress = msgspec.json.decode(path.read_bytes(), type=Progress)
        arrays = _read(self._folder / f"state-{progress.epochs}.npz")
        if [array.shape for array in arrays] != [tuple(one.shape) for one in variables]:
            raise DataError(f"{self._folder} belongs to another recipe or other data")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return progress

    def keep_best(self, weights: Sequence[np.ndarray[Any, Any]]) -> None:
        """Keep these weights as the best so far."""
        _write(self._folder / "best.npz", weights)

    def best(self) -> list[np.ndarray[Any, Any]]:
        """Return the best weights so far."""
        return _read(self._folder / "best.npz")


def _write(path: Path, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    staging = path.with_name(f".{path.name}")
    with staging.open("wb") as file:
        np.savez(file, *arrays)
    os.replace(staging, path)


def _read(path: Path) -> list[np.ndarray[Any, Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return [archive[f"arr_{number}"] for number in range(len(archive.files))]
