"""A network that has learnt becomes a version, measured against its parent."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from models import artifact
from models.compression import against, child, examples, sparsity
from models.compression.order import Order
from models.live_model import LiveModel
from models.training import card, run, saving
from models.training.config import Config
from models.training.courses import Course
from schemas.model_version import Compression, Manifest, Method

SPARSITY = "sparsity"
"""Among the scores of a version whose small weights are 0: their share."""


class Student(NamedTuple):
    """A network before its first step, and all that a version of it will be."""

    manifest: Manifest
    """Of the version to be, without scores."""
    course: Course
    network: Any
    config: Config
    packed: bool = False
    """Whether its weights are packed on the disk, and how many are 0 is among its scores."""


def conclude(
    made: Student, order: Order, given: examples.Split, method: Method, folder: Path
) -> Manifest:
    """Score what was learnt, measure it against the parent, and write the version."""
    manifest = run.finished(made.manifest, made.course, made.network, made.config)
    saving.write_network(folder, manifest, made.config, made.course.tokenizer, made.network)
    if made.packed:
        sparsity.pack(folder / artifact.WEIGHTS)
        share = round(sparsity.sparsity(made.network.get_weights()), 4)
        manifest = msgspec.structs.replace(manifest, metrics=manifest.metrics | {SPARSITY: share})
    manifest = _measured(made, manifest, order.parent, given, method, folder)
    return saving.save_written(order.out, manifest, _card(made, manifest, order.parent), folder)


def _measured(
    made: Student,
    manifest: Manifest,
    directory: Path,
    given: examples.Split,
    method: Method,
    folder: Path,
) -> Manifest:
    parent = LiveModel.load(directory)
    own = LiveModel(manifest, made.course.tokenizer, made.network)
    sizes = against.weights(directory), against.weights(folder)
    found = against.deltas(parent, own, given.dev, sizes)
    return msgspec.structs.replace(
        manifest,
        parent=artifact.digest(parent.manifest),
        compression=Compression(method=method, deltas=found),
    )


def _card(made: Student, manifest: Manifest, directory: Path) -> str:
    """Return the card: a student's own, or the parent's with other scores."""
    if manifest.compression and manifest.compression.method == "distilled":
        return child.carded(card.render(manifest, made.config), manifest)
    told = (directory / artifact.CARD).read_text("utf-8")
    return child.carded(card.rescored(told, manifest.metrics), manifest)
