"""A version with less in it: `textmill compress prune`.

    split the texts -> what is worth least -> cut it out -> learn on, the parent teaching -> measure
    -> save

Filters, heads, hidden units and rows of the vocabulary are cut out of a dense network, which stays
dense. `weights` sets small numbers to 0, which makes a version pack smaller, and no faster.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from msgspec import UNSET
from msgspec.structs import replace
from numpy.typing import NDArray

from models import artifact, catalog
from models.catalog import Architecture
from models.compression import (
    cutting,
    distilling,
    examples,
    groups,
    importance,
    sparsity,
    vocabulary,
)
from models.compression.conclusion import Student, conclude
from models.compression.order import Order
from models.heads.classification import ClassificationConfig
from models.live_model import LiveModel
from models.training import workspace
from models.training.config import Config, DistilConfig, FitConfig
from models.training.courses import Course
from models.training.observer import Observer
from schemas.errors import SettingsError
from schemas.model_version import Manifest

What = groups.Units | Literal["vocabulary", "weights"]


class Cut(NamedTuple):
    """What is to go."""

    what: What
    keep: float
    """Share that stays, above 0 and below 1."""
    fit: FitConfig
    """How the rest learns on; 0 epochs: not at all."""


FIT = FitConfig(epochs=4, learning_rate=5e-4, label_smoothing=0.0, average=0.99, patience=4)
"""How a pruned network learns on: shortly, from where it is."""
TEACHING = DistilConfig(weight=0.5, temperature=2.0)
"""How it learns from its parent."""


def prune(order: Order, cut: Cut, observer: Observer) -> Manifest:
    """Write a child of `order.parent` that has less in it.

    Raises:
        SettingsError: there is nothing of that in its network.
        DataError: unusable files, or `out` exists.
    """
    parent = artifact.verify(order.parent)
    if parent.task is None or parent.further:
        raise SettingsError("joint versions and encoders of no task cannot be pruned")
    with workspace.unfinished(order.out):
        config = _config(catalog.read(parent.architecture), cut)
        folder = order.enter(config, cut.what, cut.keep)
        given = examples.split(parent, order.train, order.dev, order.reading, folder)
        pruned = _pruned(order, cut, config, given, folder)
        if cut.fit.epochs:
            distilling.learn(pruned, order, given, folder, observer)
            sparsity.thin_again(pruned.network)
        return conclude(pruned, order, given, "pruned", folder)


def _config(architecture: Architecture, cut: Cut) -> Config:
    """Return the recipe by which the rest learns on."""
    head: Any = architecture.head
    teaching = TEACHING if isinstance(head, ClassificationConfig) else DistilConfig(weight=0.5)
    return Config(encoder=architecture.encoder, head=head, fit=cut.fit, distil=teaching)


def _pruned(order: Order, cut: Cut, config: Config, given: examples.Split, folder: Path) -> Student:
    """Return the parent's network without what is worth least, and what it will learn."""
    model = LiveModel.load(order.parent)
    keras.utils.set_random_seed(cut.fit.seed)
    at = partial(distilling.course_of, model.manifest, config, given, folder)
    course = at(tokenizer=order.parent / artifact.TOKENIZER)
    if cut.what == "vocabulary":
        tokenizer, kept = _limited(model, course, cut.keep)
        tokenizer.save(folder / artifact.TOKENIZER)
        course = at(tokenizer=folder / artifact.TOKENIZER)
        network, architecture = _fewer_rows(model, course, kept)
    elif cut.what == "weights":
        network, architecture = model.network, catalog.read(model.manifest.architecture)
        sparsity.thin(network, cut.keep)
    else:
        network, architecture = _fewer_units(model, course, cut.what, cut.keep)
    manifest = replace(
        model.manifest,
        architecture=architecture.as_manifest(),
        builds=UNSET,
        allowed_loss=UNSET,
        created_at=order.now,
    )
    config, packed = replace(config, encoder=architecture.encoder), cut.what == "weights"
    return Student(manifest, course, network, config, packed)


def _fewer_units(
    model: LiveModel, course: Course, what: groups.Units, keep: float
) -> tuple[Any, Architecture]:
    architecture = catalog.read(model.manifest.architecture)
    plan = groups.plan(what, architecture)
    found = importance.worths(model.network, course.objective, course.train, plan.groups)
    count = max(1, round(keep * plan.groups[0].units))
    kept = [cutting.chosen(worths, count) for worths in found]
    left = cutting.cut(importance.weights_of(model.network), plan.groups, kept)
    architecture = replace(architecture, encoder=plan.left(count))
    network = catalog.build(architecture)
    for name, weights in left.items():
        network.get_layer(name).set_weights(weights)
    return network, architecture


def _limited(model: LiveModel, course: Course, keep: float) -> tuple[Any, NDArray[np.int64]]:
    """Return a tokenizer of that share of the tokens, and their old numbers."""
    size = catalog.read(model.manifest.architecture).vocabulary
    counts = vocabulary.counted(course.train.ids, size)
    limited: tuple[Any, NDArray[np.int64]] = course.tokenizer.limited(counts, round(keep * size))
    return limited


def _fewer_rows(
    model: LiveModel, course: Course, kept: NDArray[np.int64]
) -> tuple[Any, Architecture]:
    """Return a network for the tokenizer of `course`, whose tokens had the numbers `kept`."""
    architecture = catalog.read(model.manifest.architecture)
    architecture = replace(architecture, vocabulary=len(kept))
    network = catalog.build(architecture)
    for name, weights in importance.weights_of(model.network).items():
        layer = network.get_layer(name)
        layer.set_weights(vocabulary.rows(weights, layer.get_weights(), kept))
    for n in getattr(architecture.encoder, "ngrams", ()):
        layer = network.get_layer(f"ngram_{n}")
        (table,) = layer.get_weights()
        layer.set_weights([vocabulary.moved(table, n, course.train, kept)])
    return network, architecture
