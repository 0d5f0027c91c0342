"""Writing a child version: its parent's files, those that differ, and what it is against it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from models import artifact
from schemas.model_version import Build, Compression, Manifest

_HEADING: Final = "## Smaller and faster"


def write(
    out: Path,
    parent: Path,
    changed: Manifest,
    files: Mapping[str, Path],
    compression: Compression,
) -> Manifest:
    """Write the version directory `out`, a child of the version at `parent`; return its manifest.

    Args:
        out: must not exist; it appears whole or not at all.
        parent: whose files are taken where `files` has no other of that name, but for its builds,
            which are of its network alone.
        changed: the parent's manifest with what differs; parent and card are written here.
        files: member name to a file that is the child's own; the builds that `changed` names among
            them.
        compression: how it was made, and its deltas.

    Raises:
        ArtifactError: the parent is damaged, or `out` exists.
    """
    inherited = artifact.verify(parent)
    manifest = msgspec.structs.replace(
        changed, parent=artifact.digest(inherited), compression=compression
    )
    kept = inherited.files.keys() - set(artifact.BUILDS.values())
    with tempfile.TemporaryDirectory(prefix="textmill-child-") as folder:
        card = Path(folder, artifact.CARD)
        source = files.get(artifact.CARD, parent / artifact.CARD)
        card.write_text(carded(source.read_text("utf-8"), manifest), "utf-8")
        members = {name: parent / name for name in kept} | {**files, artifact.CARD: card}
        return artifact.save(out, manifest, members)


def carded(card: str, manifest: Manifest) -> str:
    """Return a model card with a section that says what the child is against its parent."""
    told, made = card.split(f"\n{_HEADING}", 1)[0].rstrip(), manifest.compression
    if not made:
        return told + "\n"
    gains = made.deltas
    lines = [
        f"{_HEADING}\n",
        f"{made.method.capitalize()} from version {(manifest.parent or '')[:12]}: "
        f"{gains.texts_per_s:.2f} times the texts a second, {gains.size:.2f} times the size, "
        f"{gains.loss:.2f} points lost on dev, {100 * gains.agreement:.1f} % of its answers.",
    ]
    if manifest.builds:
        lines += ["", "| build | size | times as fast | points lost | agreement |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(name, build) for name, build in manifest.builds.items()]
    return told + "\n\n" + "\n".join(lines) + "\n"


def _row(name: str, build: Build) -> str:
    gains = build.deltas
    return (
        f"| `{name}` | {build.bytes / 1e6:.2f} MB | {gains.texts_per_s:.2f} | {gains.loss:.2f} "
        f"| {100 * gains.agreement:.1f} % |"
    )
