"""A child with builds, and with weights of smaller numbers where those were rounded too."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from models import artifact
from models.compression import child, rounding
from models.compression.builds import Measured, Rounded
from models.live_model import USUAL, LiveModel
from models.training import card
from schemas.model_version import Build, Compression, Manifest


def rounded(model: LiveModel, folder: Path) -> Rounded:
    """Return a version with rounded weights, and write their file into `folder`."""
    made = Rounded(rounding.of(model), folder / artifact.WEIGHTS)
    rounding.write(made.model, made.file)
    return made


def write(
    out: Path, model: LiveModel, found: Measured, kept: Sequence[str], most: float, folder: Path
) -> Manifest:
    """Write the child at `out`; return its manifest.

    Args:
        out: must not exist.
        model: the parent, from a directory.
        found: what was made of it; where its weights were rounded, their file is in `folder`.
        kept: builds that the child has.
        most: points that a build may lose for a worker to serve it.
        folder: for files on their way.
    """
    assert model.directory is not None, "a parent was loaded from its directory"
    changed, files = model.manifest, {}
    if found.rounded is not None:
        changed = _of_rounded(model.manifest, found.rounded, found.metrics)
        told = (model.directory / artifact.CARD).read_text("utf-8")
        files = {name: folder / name for name in (artifact.WEIGHTS, artifact.CARD)}
        files[artifact.CARD].write_text(card.rescored(told, changed.metrics), "utf-8")
    for name in kept:
        files[artifact.BUILDS[name]] = folder / artifact.BUILDS[name]
        files[artifact.BUILDS[name]].write_bytes(found.contents[name])
    changed = replace(
        changed,
        builds={name: found.builds[name] for name in sorted(kept)} or UNSET,
        allowed_loss=most,
    )
    compression = Compression(method="quantised", deltas=_best(found, kept).deltas)
    return child.write(out, model.directory, changed, files, compression)


def _best(found: Measured, kept: Sequence[str]) -> Build:
    """Return the fastest of what the child has; its weights alone where it has no build."""
    given: Mapping[str, Build] = {name: found.builds[name] for name in kept}
    if not given and found.rounded is not None:
        given = {USUAL: found.rounded}
    return max(given.values(), key=lambda one: one.deltas.texts_per_s)


def _of_rounded(manifest: Manifest, weights: Build, metrics: Mapping[str, float]) -> Manifest:
    """Return the manifest with the scores and samples of rounded weights."""
    samples = zip(manifest.samples, weights.samples, strict=True)
    return replace(
        manifest,
        metrics=dict(metrics),
        samples=tuple(replace(one, prediction=answer) for one, answer in samples),
    )
