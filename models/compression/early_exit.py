"""Making a version that texts leave early: heads behind its layers, where it has none, and a
threshold.

The new heads learn alone: encoder and last head stay as they are, so the last layer answers as the
parent does.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import keras
from msgspec import UNSET
from msgspec.structs import replace

from models import artifact, catalog, exits, loading
from models.catalog import Architecture
from models.compression import child, measure, trial_texts, tuning
from models.compression.tuning import Promise, Tuned
from models.heads.classification import ClassificationConfig
from models.layers import ends
from models.live_model import LiveModel
from models.training import batches
from models.training.config import Config, FitConfig
from models.training.courses import Sources
from models.training.courses.classifying import Classifying
from models.training.ends import EndLabels
from models.training.fit import Trainer
from models.training.observer import Observer
from models.training.reading.corpus import Reading
from schemas.errors import ArtifactError, SettingsError
from schemas.model_version import Compression, Deltas, Exits, Manifest
from schemas.task import Task


class Asked(NamedTuple):
    """What `textmill compress early-exit` is asked for."""

    directory: Path
    train: tuple[Path, ...]
    dev: Path
    promise: Promise
    out: Path
    epochs: int = 5
    reading: Reading = Reading()


def make(asked: Asked, observer: Observer) -> Manifest:
    """Write the version directory `asked.out`; return its manifest.

    Raises:
        SettingsError: the version cannot have exits, or has some and is to learn new ones.
        ArtifactError: it is damaged, or `out` exists.
        DataError: the texts cannot be used, or no threshold keeps the promise.
    """
    if asked.out.exists():
        raise ArtifactError(f"{asked.out} exists already: a version is never written over")
    parent = LiveModel.load(asked.directory)
    architecture = _architecture(parent.manifest, asked)
    network = parent.network if not asked.train else _taught(parent, architecture, asked, observer)
    manifest = replace(parent.manifest, architecture=architecture.as_manifest(), exits=UNSET)
    model = LiveModel(manifest, parent._tokenizer, network)
    texts = trial_texts.read(asked.dev, manifest, asked.reading)
    parsed = texts.parse(model)
    early = [
        trial_texts.judge(exits.of_end(model, number), parsed)
        for number in range(len(catalog.exits_of(architecture.encoder)))
    ]
    last = model.predict_parsed(parsed)
    tuned = tuning.tune(
        early, last, lambda answers: texts.score(model, parsed, answers), asked.promise
    )
    leaving = exits.LiveExits(_manifest(manifest, tuned), parent._tokenizer, network)
    for one in (leaving, parent):
        one.warm_up([(16, 1), (32, 32)])
    pace = measure.of_questions([leaving, loading.as_served(parent)], texts.questions)
    return _write(asked, leaving, tuned, pace[0] / pace[1], texts.questions)


def _architecture(manifest: Manifest, asked: Asked) -> Architecture:
    """Return the network's architecture with exits; SettingsError where it cannot have them."""
    known = catalog.read(manifest.architecture)
    layers = getattr(known.encoder, "layers", 1)
    if manifest.task not in (Task.CLASSIFICATION, Task.SENTIMENT) or manifest.further:
        raise SettingsError(f"{asked.directory} is no classifier: exits are for classifiers alone")
    if not isinstance(known.encoder, catalog.TokenEncoderConfig) or layers < 2:
        raise SettingsError(
            f"{asked.directory} has one layer: exits need a Transformer or a recurrent encoder of "
            "two layers or more"
        )
    if known.encoder.exits and asked.train:
        raise SettingsError(f"{asked.directory} has exits already: leave out --train")
    if not known.encoder.exits and not asked.train:
        raise SettingsError(f"{asked.directory} has no exits: give --train to teach it some")
    wanted = known.encoder.exits or tuple(range(1, layers))
    return replace(known, encoder=replace(known.encoder, exits=wanted))


def _taught(parent: LiveModel, architecture: Architecture, asked: Asked, observer: Observer) -> Any:
    """Return a network of the parent's weights whose exits have learnt."""
    keras.utils.set_random_seed(1)
    network = catalog.build(architecture)
    names = tuple(ends.prefix(one) for one in catalog.exits_of(architecture.encoder))
    for layer in network.layers:
        if layer.weights and not layer.name.startswith(names):
            layer.set_weights(parent.network.get_layer(layer.name).get_weights())
        layer.trainable = layer.name.startswith(names)
    fit = FitConfig(epochs=asked.epochs, learning_rate=3e-3, average=0.99, label_smoothing=0.0)
    head = catalog.of_kind(architecture.head, ClassificationConfig)
    config = Config(encoder=architecture.encoder, head=head, fit=fit)
    with tempfile.TemporaryDirectory(prefix="textmill-exits-") as folder:
        course = _Course(_sources(parent, asked, Path(folder)), config)
        course.check(parent.manifest, asked)
        objective = EndLabels(len(course.labels), fit.label_smoothing, watched=0)
        rows = batches.rows(course.train, fit.batch_size)
        trainer = Trainer(network, objective, fit, rows)
        trainer.run(course.train, course.dev, Path(folder), observer)
    return _rounded(network)


class _Course(Classifying):
    """The data that exits learn from."""

    def check(self, manifest: Manifest, asked: Asked) -> None:
        """Raise SettingsError where the texts have other labels than the version."""
        if self.labels != manifest.labels:
            raise SettingsError(
                f"{asked.train[0]} has other labels than {asked.directory}: give the texts that it "
                "was trained on"
            )


def _sources(parent: LiveModel, asked: Asked, folder: Path) -> Sources:
    return Sources(
        train=asked.train,
        dev=(asked.dev,),
        lang=parent.manifest.languages[0],
        tokenizer=asked.directory / artifact.TOKENIZER,
        reading=asked.reading,
        folder=folder,
    )


def _rounded(network: Any) -> Any:
    """Return the network with weights as they are stored."""
    network.set_weights([one.astype("float16").astype(one.dtype) for one in network.get_weights()])
    return network


def _manifest(manifest: Manifest, tuned: Tuned) -> Manifest:
    """Return the manifest without what has to be measured with the version."""
    return replace(
        manifest,
        exits=Exits(threshold=tuned.threshold, shares=tuned.shares),
        metrics=tuning.dev_score(manifest, tuned.score),
        builds=UNSET,
        allowed_loss=UNSET,
        run=UNSET,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _write(
    asked: Asked, model: exits.LiveExits, tuned: Tuned, gain: float, questions: Any
) -> Manifest:
    manifest = replace(model.manifest, samples=tuning.samples(model, questions, tuned))
    architecture = catalog.read(manifest.architecture)
    parent = asked.directory / artifact.WEIGHTS
    with tempfile.TemporaryDirectory(prefix="textmill-exits-") as folder:
        weights = Path(folder, artifact.WEIGHTS)
        catalog.twin(model.network, architecture, "float16").save(weights)
        deltas = Deltas(
            agreement=round(tuned.agreement, 4),
            loss=round(tuned.lost, 3),
            texts_per_s=round(gain, 3),
            size=round(weights.stat().st_size / parent.stat().st_size, 3),
        )
        made = Compression(method="early-exit", deltas=deltas)
        saved = child.write(asked.out, asked.directory, manifest, {artifact.WEIGHTS: weights}, made)
    loading.load(asked.out).check_samples()
    return saved
