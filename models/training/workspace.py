"""The folder beside the version that is being made: checkpoints, then what a training shows.

`OUT.training` holds everything of an unfinished training, so that `OUT` appears whole or not at
all. `origin.json` in it says which recipe and which files, by their sha256, the training was begun
with: to go on with others would give a version that nobody could make again. At the end the
pictures and TensorBoard's event files stay.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from schemas.errors import DataError, UnavailableError

CURVE = "learning_curve.png"
CONFUSION = "confusion_matrix.png"
EVENTS = "tensorboard"
_ORIGIN = "origin.json"


def beside(out: Path) -> Path:
    """Return the folder of the training that is to write `out`."""
    return out.with_name(f"{out.name}.training")


def enter(out: Path, recipe: bytes, files: Mapping[str, Path], resume: bool) -> Path:
    """Return the folder of the training of `out`, empty unless it is resumed.

    `recipe` is everything that decides the training beside the contents of `files`, which are named
    by the part they play.

    Raises:
        DataError: `out` exists, a file cannot be read, or the training to be resumed had another
            recipe or other files.
    """
    if out.exists():
        raise DataError(f"{out} exists already: give another --out or remove it")
    folder = beside(out)
    wanted, path = origin(recipe, files), folder / _ORIGIN
    if resume and path.exists():
        _check(path, wanted)
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(wanted))
    return folder


@contextmanager
def unfinished(out: Path) -> Iterator[None]:
    """Surround the training of `out`: where it ends before anything was learnt nothing is left.

    Raises UnavailableError where the disk takes no more; what was finished can be resumed.
    """
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"{out} cannot be written: {error.strerror or error}; make room, then give the "
            "command again with --resume"
        ) from error
    finally:
        _leave(out)


def origin(recipe: bytes, files: Mapping[str, Path]) -> dict[str, str]:
    """Return what tells a training from others: the sha256 of its parts, by their names.

    Raises DataError where a file cannot be read.
    """
    parts = {f"{part} {path.name}": _sha256(path) for part, path in files.items()}
    return {"recipe": hashlib.sha256(recipe).hexdigest(), **parts}


def changed(begun: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that two origins do not share."""
    return sorted(key for key in {*wanted, *begun} if wanted.get(key) != begun.get(key))


def clear(folder: Path) -> None:
    """Remove all but what is kept when the version is written."""
    for path in folder.iterdir():
        if path.name in (CURVE, CONFUSION, EVENTS):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _check(path: Path, wanted: Mapping[str, str]) -> None:
    try:
        begun = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except msgspec.DecodeError:
        begun = {}
    if parts := changed(begun, wanted):
        raise DataError(
            f"{path.parent} was begun with another recipe or other data "
            f"({', '.join(parts)}): train without --resume"
        )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _leave(out: Path) -> None:
    """Remove the folder of a training that ended before anything was learnt."""
    folder = beside(out)
    if folder.is_dir() and {_ORIGIN}.issuperset(
        path.name for path in folder.iterdir() if path.suffix != ".log"
    ):
        shutil.rmtree(folder)
