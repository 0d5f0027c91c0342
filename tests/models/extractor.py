"""A toy version that extracts summaries, for each language, with random weights or trained."""

from pathlib import Path

import keras

from models import catalog
from models.encoders.recurrent import RecurrentConfig
from models.heads.extraction import ExtractionConfig
from models.text.features import FeatureConfig
from models.text.words import UNITS, WordTokenizer
from schemas.model_version import Language, Manifest
from schemas.task import Task
from tests.models import toy_version

TEXTS: dict[Language, tuple[str, ...]] = {
    "en": (
        "In this paper, we test it. Nothing else! “Is that so?” asked Dr. Lee…",
        "A title\n\n- one thing\n- another thing\n- the ﬁne  last",
        "no",
        "",
        "The river is long. A town lies on it. People walk there each day. It rains. " * 6,
    ),
    "zh": (
        "目的　研究水果保鲜．方法，多种；结果，有效。",
        "ＡＢＣ公司２０２３年\u200b成立…它很好！",
        "好",
        "\x00",
        "今天天气真好，我们去公园散步吧。明天呢？不知道；看情况。" * 6,
    ),
}
HEAD = ExtractionConfig(units=6, facts=3, sentences=2, longest_sentence=20, clauses=True)
FEATURES = FeatureConfig(suffixes=(2,), buckets=32, embedding=3)
LENGTH = 40


def write(folder: Path, lang: Language, head: ExtractionConfig = HEAD) -> Path:
    """Write an untrained version whose answers differ from text to text; return its directory."""
    bare = WordTokenizer.bare(UNITS[lang])
    cut = [[word.form for word in bare.split(text)] for text in TEXTS[lang]]
    tokenizer = WordTokenizer.fit(cut, UNITS[lang], vocabulary=60, min_frequency=1)
    architecture = catalog.Architecture(
        vocabulary=tokenizer.size,
        classes=0,
        encoder=RecurrentConfig(length=LENGTH, embedding=8, units=6, features=FEATURES),
        head=head,
    )
    keras.utils.set_random_seed(3)
    network = catalog.build(architecture)
    network.set_weights([weight * 4 for weight in network.get_weights()])
    manifest = Manifest(
        name=f"toy-{lang}",
        task=Task.SUMMARIZATION,
        languages=(lang,),
        labels=(),
        max_length=LENGTH,
        architecture=architecture.as_manifest(),
        warm_up=TEXTS[lang],
        files={},
    )
    return toy_version.write(folder, manifest, tokenizer, network, TEXTS[lang])
