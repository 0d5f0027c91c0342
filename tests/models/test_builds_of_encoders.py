"""Builds of recurrent and Transformer networks: the same sums, and answers that company leaves."""

from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
import pytest

from models import catalog
from models.compression import builds, serving
from models.compression.rewritten import rewritten
from models.encoders.recurrent import RecurrentConfig
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from tests.models import tagger

IDS = np.array(
    [[5, 3, 4, 9, 2, 7, 1, 3, 2, 0, 0, 0, 0, 0, 0, 0], [8] * 16, [2] + [0] * 15], "int32"
)


def classifier(encoder: Any) -> Any:
    """A network with random weights."""
    keras.utils.set_random_seed(3)
    return catalog.build(
        catalog.Architecture(vocabulary=11, classes=3, encoder=encoder, head=ClassificationConfig())
    )


@pytest.mark.parametrize("both", [True, False])
def test_eight_tokens_a_turn_give_the_same_states(both: bool) -> None:
    network = classifier(
        RecurrentConfig(length=64, embedding=6, units=5, layers=2, bidirectional=both)
    )
    other = rewritten(network)
    np.testing.assert_allclose(other(IDS).numpy(), network(IDS).numpy(), atol=1e-5)


def test_other_recurrent_layers_are_refused_with_a_sentence() -> None:
    network = classifier(RecurrentConfig(length=64, embedding=6, units=5, cell="lstm"))
    with pytest.raises(ArtifactError, match="kind gru alone"):
        rewritten(network)


@pytest.fixture(scope="module")
def tagging(tmp_path_factory: pytest.TempPathFactory) -> LiveModel:
    """A toy tagger."""
    return LiveModel.load(tagger.write(tmp_path_factory.mktemp("tagger"), "en"))


def test_a_tagger_answers_by_litert_as_by_keras(tagging: LiveModel) -> None:
    texts = tagger.TEXTS["en"] * 3
    made = builds.content(tagging, "litert-float16")
    model = serving.of_content(tagging, "litert-float16", made)
    assert model.network is None, "it takes no memory any more"
    model.tolerance = 5e-3
    for one, other in zip(tagging.predict_texts(texts), model.predict_texts(texts), strict=True):
        assert model.agree(one, other)
    small = serving.of_content(tagging, "litert-int8", builds.content(tagging, "litert-int8"))
    alone = [small.predict_texts([text])[0] for text in texts]
    assert all(map(small.agree, alone, small.predict_texts(texts)))


def test_a_transformer_answers_the_same_in_any_company(version: Path) -> None:
    toy = LiveModel.load(version)
    config = TransformerConfig(length=96, embedding=16, layers=1, heads=2, feed_forward=32)
    architecture = msgspec.structs.replace(catalog.read(toy.manifest.architecture), encoder=config)
    manifest = msgspec.structs.replace(toy.manifest, architecture=architecture.as_manifest())
    model = LiveModel(manifest, toy._tokenizer, catalog.build(architecture))
    made = builds.content(model, "litert-int8")
    small = serving.of_content(model, "litert-int8", made)
    parsed = [one for one in model.parse_texts(manifest.warm_up) if len(one.ids) <= 48]
    alone = [small.predict(small.features([one], len(one.ids), 1))[0] for one in parsed]
    together = small.predict(small.features(parsed, 64, len(parsed) + 9))
    assert all(map(small.agree, alone, together))
