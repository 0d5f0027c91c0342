"""A toy tagging version with random weights, for each language."""

from pathlib import Path
from typing import Literal

import keras

from models import catalog
from models.encoders.recurrent import RecurrentConfig
from models.heads.tagging import TaggingConfig
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer
from schemas.model_version import Manifest
from schemas.task import Task
from tests.models import toy_version

LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
TEXTS = {
    "en": (
        "Ann Lee doesn't live in Rome.",
        "ﬁne…  @bob, see https://a.b/c",
        "no",
        "",
        "A very long walk through the old town and along the river. " * 4,
    ),
    "zh": (
        "李娜去了北京和上海。",
        "ＡＢＣ公司２０２３年\u200b成立…",
        "好",
        "\x00",
        "今天天气真好，我们去公园散步吧" * 5,
    ),
}
_FEATURES = {
    "en": FeatureConfig(prefixes=(1, 2), suffixes=(2, 3), shape=True, buckets=64, embedding=4),
    "zh": FeatureConfig(pairs=True, buckets=64, embedding=4),
}


def write(folder: Path, lang: Literal["en", "zh"]) -> Path:
    """Write an untrained version whose answers differ from text to text; return its directory."""
    unit: Literal["word", "character"] = "word" if lang == "en" else "character"
    sentences = [text.split() if lang == "en" else list(text) for text in TEXTS[lang]]
    tokenizer = WordTokenizer.fit(sentences, unit, vocabulary=60, min_frequency=1)
    architecture = catalog.Architecture(
        vocabulary=tokenizer.size,
        classes=len(LABELS),
        encoder=RecurrentConfig(length=50, embedding=8, units=6, features=_FEATURES[lang]),
        head=TaggingConfig(),
    )
    keras.utils.set_random_seed(3)
    network = catalog.build(architecture)
    network.set_weights([weight * 4 for weight in network.get_weights()])
    manifest = Manifest(
        name=f"toy-{lang}",
        task=Task.TAGGING,
        languages=(lang,),
        labels=LABELS,
        max_length=50,
        architecture=architecture.as_manifest(),
        warm_up=TEXTS[lang],
        files={},
    )
    return toy_version.write(folder, manifest, tokenizer, network, TEXTS[lang])
