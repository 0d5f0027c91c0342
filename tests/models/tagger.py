"""A toy tagging version with random weights, for each language."""

from pathlib import Path
from typing import Literal

import keras
import msgspec

from models import artifact, catalog
from models.encoders.recurrent import RecurrentConfig
from models.heads.tagging import TaggingConfig
from models.live_model import LiveModel
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer
from schemas.model_version import Manifest, Sample
from schemas.task import Task

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
    answers = LiveModel(manifest, tokenizer, network).predict_texts(TEXTS[lang])
    pairs = zip(TEXTS[lang], answers, strict=True)
    samples = tuple(Sample(text=text, prediction=answer) for text, answer in pairs)
    manifest = msgspec.structs.replace(manifest, samples=samples)
    tokenizer.save(folder / artifact.TOKENIZER)
    network.save(folder / artifact.WEIGHTS)
    (folder / artifact.CARD).write_text("# toy\n")
    artifact.save(folder / "v", manifest, {name: folder / name for name in artifact.MEMBERS})
    return folder / "v"
