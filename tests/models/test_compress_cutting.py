"""Units that say nothing can be cut out of any network, and its answers stay."""

from typing import Any

import keras
import numpy as np
import pytest

from models import catalog
from models.compression import cutting, groups, importance, vocabulary
from models.encoders.bag import BagConfig
from models.encoders.dialogue import DialogueConfig
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.layers.ngrams import buckets_of
from models.training.batches import Encoded
from models.training.objectives import Labels
from schemas.errors import SettingsError

LABEL, TAG = ClassificationConfig(), TaggingConfig()
NETWORKS: dict[str, tuple[groups.Units, Any, Any]] = {
    "textcnn": (
        "filters",
        TextCNNConfig(embedding=6, filters=4, widths=(1, 3), ngrams=(2,)),
        LABEL,
    ),
    "heads": ("heads", TransformerConfig(embedding=8, heads=4, layers=2, feed_forward=8), LABEL),
    "inner": ("hidden", TransformerConfig(embedding=8, heads=4, layers=2, feed_forward=4), TAG),
    "dialogue": ("hidden", DialogueConfig(embedding=8, heads=2, feed_forward=4, memory=8), LABEL),
    "gru": ("hidden", RecurrentConfig(embedding=6, units=4, layers=2), LABEL),
    "lstm": ("hidden", RecurrentConfig(embedding=6, units=4, cell="lstm"), TAG),
    "rnn": (
        "hidden",
        RecurrentConfig(embedding=6, units=4, cell="rnn", bidirectional=False),
        LABEL,
    ),
}


def _ids(network: Any) -> Any:
    random = np.random.default_rng(2)
    ids = random.integers(1, 20, (3, 7, *network.input_shape[2:])).astype(np.int32)
    ids[0, 4:] = 0
    return ids


def _silenced(weights: cutting.Weights, plan: groups.Plan) -> None:
    """Set what is read of the first and the third unit of each group to 0."""
    for group in plan.groups:
        for part in group.parts:
            if part.reads:
                array = np.moveaxis(weights[part.layer][part.weight], part.axis, 0)
                array[part.places[[0, 2]].ravel()] = 0


@pytest.mark.parametrize("name", NETWORKS)
def test_what_nobody_reads_is_cut_and_no_answer_moves(name: str) -> None:
    what, encoder, head = NETWORKS[name]
    keras.utils.set_random_seed(1)
    whole = catalog.Architecture(vocabulary=20, classes=3, encoder=encoder, head=head)
    network, plan = catalog.build(whole), groups.plan(what, whole)
    weights = {
        layer: [one + np.random.default_rng(3).normal(size=one.shape) for one in arrays]
        for layer, arrays in importance.weights_of(network).items()
    }
    _silenced(weights, plan)
    for layer, arrays in weights.items():
        network.get_layer(layer).set_weights(arrays)
    kept = [np.array([1, 3]) for _ in plan.groups]
    left = catalog.Architecture(vocabulary=20, classes=3, encoder=plan.left(2), head=head)
    small = catalog.build(left)
    for layer, arrays in cutting.cut(weights, plan.groups, kept).items():
        small.get_layer(layer).set_weights(arrays)
    assert small.count_params() < network.count_params()
    ids = _ids(network)
    np.testing.assert_allclose(small(ids), network(ids), atol=1e-4)


def test_worth_is_what_the_loss_would_change_by() -> None:
    what, encoder, head = NETWORKS["textcnn"]
    keras.utils.set_random_seed(1)
    whole = catalog.Architecture(vocabulary=20, classes=3, encoder=encoder, head=head)
    network, plan = catalog.build(whole), groups.plan(what, whole)
    ids = _ids(network)
    texts, objective = Encoded(list(ids), np.array([0, 1, 2], np.int32)), Labels(3, 0.0)
    found = importance.worths(network, objective, texts, plan.groups)

    def loss(scale: float) -> float:
        kernel, bias = network.get_layer("logits").get_weights()
        scaled = kernel.copy()
        scaled[encoder.filters + 2] *= scale  # the third filter of the second width
        network.get_layer("logits").set_weights([scaled, bias])
        value = float(objective.loss(network, ids, network(ids), texts.labels))
        network.get_layer("logits").set_weights([kernel, bias])
        return value

    slope = (loss(1.01) - loss(0.99)) / 0.02
    assert found[1][2] == pytest.approx(abs(slope), rel=0.02)
    assert cutting.chosen(np.array([0.1, 3.0, 2.0, 2.0]), 2).tolist() == [1, 2]


def test_an_encoder_says_what_can_be_cut_of_it() -> None:
    bag = catalog.Architecture(vocabulary=20, classes=3, encoder=BagConfig(), head=LABEL)
    with pytest.raises(SettingsError, match=r"has no heads.*vocabulary"):
        groups.plan("heads", bag)


def test_n_grams_keep_their_vectors_under_the_new_numbers_of_their_tokens() -> None:
    random = np.random.default_rng(1)
    table = random.normal(size=(4096, 3)).astype(np.float32)
    kept = np.array([0, 1, 4, 7, 9])
    texts = [np.array([2, 3, 4, 1], np.int32), np.array([4, 2], np.int32)]
    found = vocabulary.moved(table, 2, Encoded(texts, np.zeros(2, np.int32)), kept)
    for ids in texts:
        new, old = (buckets_of(one[None].astype(np.int32), 2, 4096)[0] for one in (ids, kept[ids]))
        np.testing.assert_allclose(found[new], table[old], atol=1e-6)
    assert (found != 0).any(axis=1).sum() == 6
