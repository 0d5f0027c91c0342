"""A toy version with random weights, large enough for differences to show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TEXTS = (
    "play the music",
    "今天天气真好，我们去公园散步吧",
    "book a table for two at seven",
    "no",
    "",
    "what is the weather like in the city today and tomorrow and the day after " * 4,
    "这家酒店的服务非常好，房间也很干净" * 8,
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what the pinned Keras and TensorFlow say about each other, and nothing else."""
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )


@pytest.fixture(scope="module")
def brief() -> Iterator[None]:
    """Speeds are taken of one small array, for tests of builds that are not about speed."""
    from models.compression import measure, serving

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "GRID", ((16, 2),))
        patch.setattr(serving, "WARM", 16)
        yield


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version directory with an untrained network whose answers differ from text to text."""
    import keras

    from models import artifact, catalog
    from models.encoders.textcnn import TextCNNConfig
    from models.heads.classification import ClassificationConfig
    from models.live_model import LiveModel
    from models.text.tokenizer import Tokenizer

    folder = tmp_path_factory.mktemp("toy")
    tokenizer = Tokenizer.fit(TEXTS, vocabulary=300, min_frequency=1)
    architecture = catalog.Architecture(
        vocabulary=tokenizer.size,
        classes=7,
        encoder=TextCNNConfig(length=100, embedding=16, filters=16, ngrams=(1, 2, 3)),
        head=ClassificationConfig(),
    )
    keras.utils.set_random_seed(3)
    network = _spread(catalog.build(architecture))
    manifest = _manifest(architecture)
    manifest = _with_samples(manifest, LiveModel(manifest, tokenizer, network))
    tokenizer.save(folder / artifact.TOKENIZER)
    network.save(folder / artifact.WEIGHTS)
    (folder / artifact.CARD).write_text("# toy\n")
    artifact.save(folder / "v", manifest, {name: folder / name for name in artifact.MEMBERS})
    return folder / "v"


def _manifest(architecture: Any) -> Any:
    from schemas.model_version import Manifest
    from schemas.task import Task

    return Manifest(
        name="toy",
        task=Task.CLASSIFICATION,
        languages=("zh", "en"),
        labels=tuple("abcdefg"),
        max_length=100,
        architecture=architecture.as_manifest(),
        warm_up=TEXTS,
        files={},
    )


def _spread(network: Any) -> Any:
    """Make random weights large, so that probabilities are far from equal."""
    network.set_weights([weight * 4 for weight in network.get_weights()])
    return network


def _with_samples(manifest: Any, model: Any) -> Any:
    import msgspec

    from schemas.model_version import Sample

    answers = model.predict_texts(TEXTS)
    pairs = zip(TEXTS, answers, strict=True)
    samples = tuple(Sample(text=text, prediction=answer) for text, answer in pairs)
    return msgspec.structs.replace(manifest, samples=samples)
