"""A toy joint version with random weights: a topic, a mood and spans by one encoder."""

from pathlib import Path

import keras

from models import catalog
from models.encoders.recurrent import CellsConfig, RecurrentConfig
from models.heads.classification import ClassificationConfig
from models.heads.joint import BranchConfig, JointConfig
from models.heads.tagging import TaggingConfig
from models.live_model import LiveModel
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer
from schemas.model_version import Manifest
from schemas.question import Question
from schemas.task import Task
from tests.models import toy_version

LABELS = {
    Task.CLASSIFICATION: ("art", "science", "sport"),
    Task.SENTIMENT: ("negative", "positive"),
    Task.TAGGING: ("B-PER", "I-PER", "O"),
}
TEXTS = ("Ann Lee paints in Rome.", "no", "", "A long walk along the river. " * 4)
HEADS = {
    Task.CLASSIFICATION: ClassificationConfig(),
    Task.SENTIMENT: ClassificationConfig(),
    Task.TAGGING: TaggingConfig(),
}


def architecture(vocabulary: int, own: CellsConfig | None = None) -> catalog.Architecture:
    """The network of all three tasks; `own` is the private encoder of the moods."""
    branches = tuple(
        BranchConfig(
            name=task,
            task=task,
            classes=len(labels),
            head=HEADS[task],
            encoder=own if task is Task.SENTIMENT else None,
        )
        for task, labels in LABELS.items()
    )
    features = FeatureConfig(suffixes=(2,), buckets=64, embedding=4)
    return catalog.Architecture(
        vocabulary=vocabulary,
        classes=3,
        encoder=RecurrentConfig(length=50, embedding=8, units=6, features=features),
        head=JointConfig(branches=branches),
    )


def write(folder: Path, own: CellsConfig | None = None) -> Path:
    """Write a version whose answers differ from text to text; return its directory."""
    sentences = [text.split() for text in TEXTS]
    tokenizer = WordTokenizer.fit(sentences, "word", vocabulary=60, min_frequency=1)
    built = architecture(tokenizer.size, own)
    keras.utils.set_random_seed(3)
    network = catalog.build(built)
    network.set_weights([weight * 4 for weight in network.get_weights()])
    first, *others = LABELS
    manifest = Manifest(
        name="joint",
        task=first,
        languages=("en",),
        labels=LABELS[first],
        further={task: LABELS[task] for task in others},
        max_length=50,
        architecture=built.as_manifest(),
        warm_up=TEXTS,
        files={},
    )
    asked = [Question(text, task=task) for text in TEXTS for task in LABELS]
    answers = LiveModel(manifest, tokenizer, network).ask(asked)
    answered = list(zip(asked, answers, strict=True))
    return toy_version.save(folder, manifest, tokenizer, network, answered)
