"""Version directories to replace others with."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from models import artifact

STARTERS = Path(__file__).resolve().parents[2] / "models" / "starter"


def variant(starter: str, directory: Path, **changes: object) -> Path:
    """A starter with another card, and other words in its manifest: another version of it."""
    source = STARTERS / starter
    manifest = msgspec.structs.replace(artifact.read_manifest(source), **changes)
    with TemporaryDirectory() as workspace:
        files = {name: source / name for name in manifest.files}
        files[artifact.CARD] = Path(workspace) / artifact.CARD
        files[artifact.CARD].write_text(f"{directory.name}\n")
        artifact.save(directory, manifest, files)
    return directory
