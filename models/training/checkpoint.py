"""What a training needs to go on after it was stopped: arrays and a little JSON, no pickle.

    state-<step>.npz    every variable of network and optimiser, in order
    best-<epoch>.npz    the weights that scored best so far
    progress.json       epochs, steps and scores

A file is written under another name, brought to the disk and renamed, and `progress.json`, which
names the other two by its numbers, comes last: a training that is stopped while it writes, or finds
the disk full, goes on from the checkpoint before.
"""

import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.errors import DataError


class Progress(msgspec.Struct):
    """How far a training is; grows while it runs."""

    epochs: int = 0
    """Epochs finished."""
    steps: int = 0
    """Batches learnt."""
    train: list[dict[str, float]] = []
    """One row a report: step, learning rate, loss and scores over the steps since the last."""
    dev: list[dict[str, float]] = []
    """One row an epoch: epoch, step and scores."""

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
        """Write the state of `variables` (Keras variables), then the progress.

        Raises DataError where the disk refuses it; the checkpoint before stays whole.
        """
        _write_arrays(self._state(progress), [np.asarray(variable) for variable in variables])
        content = msgspec.json.encode(progress)
        _write(self._folder / "progress.json", lambda file: file.write(content))
        kept = {self._state(progress), self._best(progress)}
        for old in self._folder.glob("*-*.npz"):
            if old not in kept:
                old.unlink()

    def restore(self, variables: Sequence[Any]) -> Progress | None:
        """Assign the saved state to `variables`; None where nothing was saved.

        Raises DataError where it is damaged or belongs to another network.
        """
        path = self._folder / "progress.json"
        if not path.exists():
            return None
        try:
            progress = msgspec.json.decode(path.read_bytes(), type=Progress)
        except msgspec.DecodeError as error:
            raise _damaged(path) from error
        arrays = _read(self._state(progress))
        if [array.shape for array in arrays] != [tuple(one.shape) for one in variables]:
            raise DataError(
                f"{self._folder} belongs to another recipe or other data: train without --resume"
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return progress

    def keep_best(self, weights: Sequence[NDArray[Any]], progress: Progress) -> None:
        """Keep these weights, of the epoch just finished, as the best so far."""
        _write_arrays(self._best(progress), weights)

    def best(self, progress: Progress) -> list[NDArray[Any]]:
        """Return the best weights so far."""
        return _read(self._best(progress))

    def _state(self, progress: Progress) -> Path:
        return self._folder / f"state-{progress.steps}.npz"

    def _best(self, progress: Progress) -> Path:
        return self._folder / f"best-{progress.best_epoch}.npz"


def _write_arrays(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
    _write(path, lambda file: np.savez(file, *arrays))


def _write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    staging = path.with_name(f".{path.name}")
    try:
        with staging.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
    except OSError as error:
        staging.unlink(missing_ok=True)
        raise DataError(
            f"{path} cannot be written: {error.strerror}; mend that and go on with --resume, "
            "the checkpoint before is whole"
        ) from error


def _read(path: Path) -> list[NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return [archive[f"arr_{number}"] for number in range(len(archive.files))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is missing or damaged: train without --resume")
