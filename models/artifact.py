"""A model version on disk: an immutable, content-addressed directory.

    manifest.json     what it is, and the sha256 of every other file
    tokenizer.json    text to ids
    model.keras       the weights
    MODEL_CARD.md     for people
    lexicon.gz        words that the features look up; few versions have it
    NAME.tflite …     builds: other forms of the network, smaller or faster (`BUILDS`)

A cascade has its manifest and card, and in `cheap` and `strong` the two versions that it is made
of, each a directory like any other; its manifest lists their files too.

`digest` is sha256 of the manifest, which holds the sha256 of every other file, so equal digests
mean equal bytes.
Nothing is opened before `verify` has checked it: unknown members, links and names that leave the
directory are refused, as is a file that differs by a bit or is too large, and a container with
more in it than a network (`models.container`). The network itself is built by
`models.catalog` from the manifest's architecture; of `model.keras` only the weights are read, so
that no code, no configuration and no pickle from a file is ever run, which is stricter than Keras's
own `safe_mode`.
"""

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from models import container
from models.text import lexicon
from schemas.errors import ArtifactError
from schemas.model_version import Manifest

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.keras"
CARD = "MODEL_CARD.md"
MEMBERS = frozenset({TOKENIZER, WEIGHTS, CARD})
"""The files a version has beside its manifest."""
BUILDS: Final = {
    "litert-int8": "litert-int8.tflite",
    "litert-int8-full": "litert-int8-full.tflite",
    "litert-float16": "litert-float16.tflite",
    "litert-folded-int8": "litert-folded-int8.tflite",
    "keras-int8": "keras-int8.keras",
}
"""The builds that a version may have, by name, and the file of each."""
OPTIONAL = frozenset({lexicon.MEMBER, *BUILDS.values()})
"""Files it may have; no others."""
CHEAP, STRONG = PARTS = ("cheap", "strong")
"""The directories of a cascade's two versions."""

_MIB: Final = 2**20
_MOST: Final = {
    MANIFEST: 16 * _MIB,
    TOKENIZER: 256 * _MIB,
    WEIGHTS: 4096 * _MIB,
    CARD: _MIB,
    lexicon.MEMBER: 64 * _MIB,
    **dict.fromkeys(BUILDS.values(), 1024 * _MIB),
}
"""Bytes of each file at most: what is larger is not even read."""


def digest(manifest: Manifest) -> str:
    """Return the version's identity: sha256, hexadecimal, of its manifest, files included."""
    return hashlib.sha256(msgspec.json.encode(manifest, order="deterministic")).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Read and check `manifest.json`; ArtifactError where it is missing or wrong."""
    path = Path(directory) / MANIFEST
    try:
        _check_size(path)
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise ArtifactError(f"no manifest can be read at {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is not a manifest: {error}") from error


def verify(directory: Path) -> Manifest:
    """Check every file against the manifest and return it; ArtifactError names what is wrong."""
    directory = Path(directory)
    manifest = read_manifest(directory)
    if manifest.cascade:
        _verify_cascade(directory, manifest)
        return manifest
    _check_names(directory, manifest)
    _check_files(directory, manifest.files)
    for name in manifest.files:
        if name.endswith(".keras"):
            container.check(directory / name)
    return manifest


def _verify_cascade(directory: Path, manifest: Manifest) -> None:
    """Check a cascade: its card here, its parts as versions of their own that it knows."""
    _check_present(directory, {CARD, *PARTS})
    files = {CARD: manifest.files.get(CARD, "")}
    for part in PARTS:
        if (directory / part).is_symlink() or read_manifest(directory / part).cascade:
            raise ArtifactError(f"{directory / part} is no version of one network")
        inner = verify(directory / part).files
        files |= {f"{part}/{name}": digest for name, digest in inner.items()}
        files[f"{part}/{MANIFEST}"] = manifest.files.get(f"{part}/{MANIFEST}", "")
    if files != manifest.files:
        wrong = sorted(set(files.items()) ^ set(manifest.files.items()))
        raise ArtifactError(f"{directory}: the manifest is wrong about {wrong[0][0]}")
    if (directory / CARD).is_symlink() or not (directory / CARD).is_file():
        raise ArtifactError(f"{directory / CARD} is missing or not a plain file")
    own = (CARD, *(f"{part}/{MANIFEST}" for part in PARTS))
    _check_files(directory, {name: files[name] for name in own})


def _check_files(directory: Path, files: Mapping[str, str]) -> None:
    for name, expected in sorted(files.items()):
        _check_size(directory / name)
        if _sha256(directory / name) != expected:
            raise ArtifactError(f"{directory / name} is damaged: its sha256 is not the manifest's")


def save(directory: Path, manifest: Manifest, files: Mapping[str, Path]) -> Manifest:
    """Write a version at `directory` from `files` (member name to a file to copy).

    The manifest's `files` are computed here. The directory appears whole or not at all;
    ArtifactError where it exists already or a member is missing.
    """
    directory = Path(directory)
    if not manifest.cascade and set(files) - OPTIONAL != MEMBERS:
        raise ArtifactError(f"a version has the files {sorted(MEMBERS)}, not {sorted(files)}")
    if directory.exists():
        raise ArtifactError(f"{directory} exists already: a version is never written over")
    staging = directory.with_name(f".{directory.name}.{os.getpid()}")
    staging.mkdir(parents=True)
    try:
        for name, source in files.items():
            (staging / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, staging / name)
        digests = {name: _sha256(staging / name) for name in sorted(files)}
        manifest = msgspec.structs.replace(manifest, files=digests)
        (staging / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        staging.rename(directory)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _check_names(directory: Path, manifest: Manifest) -> None:
    listed = set(manifest.files)
    _check_builds(directory, manifest)
    if listed - OPTIONAL != MEMBERS:
        wrong = sorted((listed - OPTIONAL) ^ MEMBERS)
        raise ArtifactError(f"{directory}: the manifest's list of files is wrong about {wrong}")
    _check_present(directory, listed)
    for name in sorted(listed):
        path = directory / name
        if path.is_symlink() or not path.is_file():
            raise ArtifactError(f"{path} is missing or not a plain file")


def _check_builds(directory: Path, manifest: Manifest) -> None:
    """Refuse a manifest whose builds are not those whose files it lists."""
    builds = {name: build.file for name, build in (manifest.builds or {}).items()}
    known = {name: file for name, file in BUILDS.items() if file in manifest.files}
    if builds != known:
        wrong = sorted({*builds} ^ {*known}) or sorted(builds)
        raise ArtifactError(f"{directory}: the manifest's list of builds is wrong about {wrong}")


def _check_present(directory: Path, known: Collection[str]) -> None:
    present = {entry.name for entry in os.scandir(directory)}
    if unknown := sorted(present - {*known, MANIFEST}):
        raise ArtifactError(f"{directory} holds files that no version has: {unknown}")


def _check_size(path: Path) -> None:
    size, most = path.stat().st_size, _MOST[path.name]
    if size > most:
        raise ArtifactError(f"{path} is {size} bytes long, more than the {most} it may have")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
