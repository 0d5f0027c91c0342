"""The TextCNN against its formula: for each filter the strongest match in the text."""

import keras
import numpy as np
import pytest

from models import catalog
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig

WIDTHS = (1, 3)


@pytest.mark.parametrize("ids", [[4, 9, 2, 9, 7], [3]], ids=["longer", "shorter than a filter"])
def test_a_filter_keeps_its_strongest_match(ids: list[int]) -> None:
    encoder = TextCNNConfig(embedding=6, filters=5, widths=WIDTHS)
    keras.utils.set_random_seed(1)
    network = catalog.build(
        catalog.Architecture(vocabulary=20, classes=3, encoder=encoder, head=ClassificationConfig())
    )
    table = network.get_layer("tokens").get_weights()[0]
    vectors = np.concatenate([table[ids], np.zeros((max(WIDTHS), 6))])
    found = []
    for width in WIDTHS:
        (filters,) = network.get_layer(f"width_{width}").get_weights()
        matches = [np.tensordot(vectors[at : at + width], filters) for at in range(len(ids))]
        found.append(np.maximum(np.max(matches, axis=0), 0))
    kernel, bias = network.get_layer("logits").get_weights()
    padded = np.array([[*ids, 0, 0, 0, 0]])
    np.testing.assert_allclose(
        network(padded).numpy()[0], np.concatenate(found) @ kernel + bias, atol=1e-5
    )
