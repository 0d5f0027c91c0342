"""Where the files of versions are kept for workers on all machines: a directory or object store.

    STORE/DIGEST/manifest.json, tokenizer.json, …     written once, the manifest last
    data_dir/models/DIGEST/                           this machine's copy

A version is put there when it is registered, and fetched by its digest when it is first loaded.
What comes is checked like any version directory and appears in the cache whole or not at all, so a
store that was tampered with gives nothing that could be loaded.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import fsspec

from models import artifact
from schemas.errors import ArtifactError, SettingsError, UnavailableError
from schemas.settings import Settings, masked_url, variable_of
from workers import starters
from workers.ports import ModelVersion


class ArtifactStore:
    """Version directories by digest; safe to use from several processes."""

    def __init__(self, url: str, cache: Path) -> None:
        """
        Args:
            url: a directory, or what fsspec understands: `s3://bucket/models`.
            cache: directory of this machine's copies, made on first use.

        Raises:
            SettingsError: no filesystem of this machine can open the URL.
        """
        self._shown = masked_url(url)
        self._cache = cache
        try:
            opened, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"{variable_of('models.store')} cannot be opened: {error}"
            ) from None
        self._files: Any = opened
        self._root = str(root).rstrip("/")

    def put(self, directory: Path, digest: str) -> None:
        """Copy a checked version there; nothing happens where it is.

        Raises:
            UnavailableError: the store does not answer, or refuses.
        """
        try:
            if self._files.exists(self._place(digest, artifact.MANIFEST)):
                return
            names = (*artifact.read_manifest(directory).files, artifact.MANIFEST)
            for folder in {name.rpartition("/")[0] for name in names}:
                self._files.makedirs(self._place(digest, folder), exist_ok=True)
            for name in names:
                self._files.put_file(str(directory / name), self._place(digest, name))
        except ArtifactError:
            raise
        except Exception as error:  # filesystems have errors of their own, without a root
            raise UnavailableError(self._trouble("keep", digest, error)) from error

    def fetch(self, digest: str) -> Path | None:
        """The checked directory of a version on this machine; None where the store lacks it.

        Raises:
            ArtifactError: what the store has is damaged, or another version.
            UnavailableError: the store does not answer.
        """
        place = self._cache / digest
        if place.exists():
            return place
        staging = self._cache / f".{digest}.{os.getpid()}"
        try:
            if not self._brought(digest, staging):
                return None
            if artifact.digest(artifact.verify(staging)) != digest:
                raise ArtifactError(f"{self._shown} holds another version under {digest[:12]}…")
            if not place.exists():  # another process may have been quicker
                staging.rename(place)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return place

    def _brought(self, digest: str, staging: Path) -> bool:
        """Copy the files that the manifest may list to `staging`; whether there were any."""
        try:
            return any([self._bring(digest, part, staging) for part in ("", *artifact.PARTS)])
        except Exception as error:
            raise UnavailableError(self._trouble("give", digest, error)) from error

    def _bring(self, digest: str, part: str, staging: Path) -> bool:
        """Copy a version, or a part of a cascade; whether it is there."""
        if not self._files.exists(self._place(digest, part, artifact.MANIFEST)):
            return False
        (staging / part).mkdir(parents=True, exist_ok=True)
        for name in (artifact.MANIFEST, *artifact.MEMBERS, *artifact.OPTIONAL):
            if self._files.exists(self._place(digest, part, name)):
                self._files.get_file(self._place(digest, part, name), str(staging / part / name))
        return True

    def _place(self, digest: str, *names: str) -> str:
        return "/".join(filter(None, (self._root, digest, *names)))

    def _trouble(self, what: str, digest: str, error: Exception) -> str:
        return f"The store {self._shown} does not {what} {digest[:12]}…: {type(error).__name__}."


def open_store(settings: Settings) -> ArtifactStore | None:
    """The store that the settings name; None where they name none."""
    if not settings.models.store:
        return None
    return ArtifactStore(settings.models.store, settings.directory / "models")


def located(version: ModelVersion, store: ArtifactStore | None) -> Path:
    """Where this machine has a version: a starter of its own, a copy, or the registered path.

    Raises:
        ArtifactError: what the store has is damaged.
        UnavailableError: the store does not answer.
    """
    shipped = starters.find(version.digest)
    if shipped is None and store is not None:
        shipped = store.fetch(version.digest)
    return shipped or version.path
