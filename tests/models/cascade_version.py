"""Toy cascades: a bag before a recurrent network, untrained, each with a tokenizer of its own."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from msgspec.structs import replace

from models import artifact, catalog
from models.cascade import LiveCascade
from models.encoders.bag import BagConfig
from models.encoders.recurrent import RecurrentConfig
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.live_model import LiveModel
from models.text.tokenizer import Tokenizer
from schemas.model_version import Cascade, Manifest
from schemas.task import Task
from tests.models import toy_version
from tests.models.conftest import TEXTS

LABELS = tuple("abcd")
MANY = [f"{text} {number}"[-60 - number :] for number in range(12) for text in TEXTS if text]
"""Texts of many lengths."""
_ENCODERS: dict[str, Any] = {
    "cheap": BagConfig(length=40, embedding=8, ngrams=()),
    "strong": RecurrentConfig(length=60, embedding=8, units=8),
    "deep": RecurrentConfig(length=30, embedding=8, units=8, layers=3, exits=(1, 2)),
    "attending": TransformerConfig(length=30, embedding=8, heads=2, feed_forward=8, exits=(1,)),
    "plain": RecurrentConfig(length=30, embedding=8, units=8, layers=2),
    "flat": RecurrentConfig(length=30, embedding=8, units=8),
    "lstm": RecurrentConfig(length=30, embedding=8, units=8, cell="lstm"),
    "rnn": RecurrentConfig(length=30, embedding=8, units=8, cell="rnn"),
}


def part(folder: Path, name: str, *, noise: float = 0.0, **changes: Any) -> Path:
    """Write one of `_ENCODERS` as a version; return its directory.

    With `noise` its weights are moved, so that it is like the other of that name and not the same.
    """
    vocabulary = 120 if name == "cheap" else 240
    tokenizer = Tokenizer.fit(TEXTS, vocabulary=vocabulary, min_frequency=1)
    architecture = catalog.Architecture(
        vocabulary=tokenizer.size,
        classes=len(LABELS),
        encoder=_ENCODERS[name],
        head=ClassificationConfig(),
    )
    keras.utils.set_random_seed(5)
    network = catalog.build(architecture)
    random = np.random.default_rng(1)
    scale = 1.3 if isinstance(_ENCODERS[name], TransformerConfig) else 4.0
    network.set_weights(
        [
            scale * weight + noise * random.normal(size=weight.shape)
            for weight in network.get_weights()
        ]
    )
    manifest = Manifest(
        name=f"toy-{name}",
        task=Task.CLASSIFICATION,
        languages=("en", "zh"),
        labels=LABELS,
        max_length=_ENCODERS[name].length,
        architecture=architecture.as_manifest(),
        warm_up=TEXTS,
        files={},
    )
    (folder / name).mkdir(parents=True)
    return toy_version.write(folder / name, replace(manifest, **changes), tokenizer, network, TEXTS)


def cascade(cheap: Path, strong: Path, threshold: float) -> LiveCascade:
    """The two as one, in memory."""
    models = LiveModel.load(cheap), LiveModel.load(strong)
    manifest = replace(
        models[1].manifest,
        parent=artifact.digest(models[1].manifest),
        cascade=Cascade(threshold=threshold, early_share=0.5),
    )
    return LiveCascade(manifest, *models)
