"""A toy summarising version with random weights, and a toy corpus that can be summarised."""

from pathlib import Path

import keras
import msgspec
import numpy as np

from models import catalog
from models.encoders.recurrent import RecurrentConfig
from models.heads.summarization import SummarizationConfig
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer
from schemas.model_version import Manifest
from schemas.task import Task
from tests.models import toy_version

TEXTS = (
    "The cat sat on the mat, and the Dog slept under the old table.",
    "中国的COVID-19疫苗研究取得了新的进展。",
    "no",
    "",
    "A very long walk through the old town and along the river. " * 4,
)
ENCODER = RecurrentConfig(length=40, embedding=12, units=10, dropout=0.0)
HEAD = SummarizationConfig(units=14, dropout=0.0, beams=3, longest=8, shortest=2, ngram=2)


def tokenizer() -> WordTokenizer:
    """Return a tokenizer that does not know all words of the texts."""
    return WordTokenizer.fit([text.split() for text in TEXTS], "mixed", 20, min_frequency=1)


def write(folder: Path) -> Path:
    """Write an untrained version whose answers differ from text to text; return its directory."""
    features = FeatureConfig(pairs=True, buckets=64, embedding=4)
    words = tokenizer()
    architecture = catalog.Architecture(
        vocabulary=words.size,
        classes=0,
        encoder=msgspec.structs.replace(ENCODER, features=features),
        head=HEAD,
    )
    keras.utils.set_random_seed(4)
    network = catalog.build(architecture)
    network.set_weights([weight * 4 for weight in network.get_weights()])
    manifest = Manifest(
        name="toy-summaries",
        task=Task.SUMMARIZATION,
        languages=("en",),
        labels=(),
        max_length=ENCODER.length,
        architecture=architecture.as_manifest(),
        warm_up=TEXTS,
        files={},
    )
    return toy_version.write(folder, manifest, words, network, TEXTS)


def lines(count: int, seed: int) -> list[tuple[str, str]]:
    """Return texts and summaries: what stands between `about` and the full stop."""
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        words = [f"w{random.integers(12)}" for _ in range(random.integers(2, 6))]
        topic = [f"{'xyz'[random.integers(3)]}{random.integers(10**6)}" for _ in range(2)]
        pairs.append((" ".join([*words, "about", *topic, "."]), " ".join(topic)))
    return pairs
