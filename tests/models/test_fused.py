"""One compiled loop answers as the network it was made of, whatever the array it is given."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import catalog, folding, fused
from models.blocks import ROWS
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.traces import SharedRun

LONGEST = 12
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module", params=[(), (1, 3)], ids=["filters", "filters and n-grams"])
def pair(request: pytest.FixtureRequest) -> tuple[Any, SharedRun]:
    """A network as it was built, and the same fused."""
    keras.utils.set_random_seed(5)
    encoder = TextCNNConfig(
        length=LONGEST, embedding=6, filters=5, widths=(1, 2, 4), ngrams=request.param
    )
    architecture = catalog.Architecture(
        vocabulary=40, classes=3, encoder=encoder, head=ClassificationConfig()
    )
    network = catalog.build(architecture)
    trace = fused.FusedTrace(lambda network, ids: (network(ids, training=False),), architecture)
    weights = folding.weights(folding.layers_of(network), trace.layers)
    return network, SharedRun(lambda: trace, weights)


def texts(lengths: Sequence[int], columns: int) -> Any:
    rows = np.zeros((len(lengths), columns), np.int32)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = RNG.integers(1, 40, length)
    return rows


@pytest.mark.parametrize(
    ("lengths", "columns"),
    [
        ([1], 1),
        ([LONGEST], LONGEST),
        ([3, 1, 12, 7], LONGEST),
        (sorted([2, 12, 5, 9, 1, 1] * 12), LONGEST),
        ([5, 2], 2 * LONGEST),
        ([4] * ROWS + [12, 1, 9], LONGEST),
    ],
    ids=["one token", "longest", "unsorted", "blocks", "padded beyond", "more than an array"],
)
def test_logits_are_those_of_the_network(
    pair: tuple[Any, SharedRun], lengths: list[int], columns: int
) -> None:
    network, run = pair
    ids = texts(lengths, columns)
    (got,) = run(tf.convert_to_tensor(ids))
    np.testing.assert_allclose(np.asarray(got)[: len(ids)], network(ids).numpy(), atol=1e-5)


def test_an_array_without_texts_has_an_answer(pair: tuple[Any, SharedRun]) -> None:
    (got,) = pair[1](tf.zeros((0, 4), tf.int32))
    assert got.shape[1] == 3
