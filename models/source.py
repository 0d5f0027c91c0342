"""Where a version's tokenizer and network come from when it is loaded: its own files, mostly."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from models import catalog
from schemas.model_version import Manifest


class Source:
    """Reads both from the files of the version, which were checked."""

    def tokenizer(self, manifest: Manifest, path: Path, read: Callable[[Path], Any]) -> Any:
        """Return what `read` makes of the file; ArtifactError where it is no tokenizer."""
        return read(path)

    def network(self, manifest: Manifest, weights: Path) -> Any:
        """Return the network with the weights of the file; ArtifactError where they do not fit."""
        return catalog.restore(catalog.read(manifest.architecture), weights)


FILES: Final = Source()
