"""The next version of a kind brings its weights alone: no trace, no network, no warm-up."""

import gc
import weakref
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import keras
import numpy as np
import pytest

from models import catalog, folding, loading, sharing
from models.gains import Gains
from models.live_model import USUAL, LiveModel
from models.sharing import Sharing
from models.stored import Stored, stored
from models.traces import SharedRun
from schemas.errors import ArtifactError
from tests.models import toy_version
from tests.models.conftest import TEXTS


@pytest.fixture(scope="module")
def sibling(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of the same architecture with other weights."""
    model, folder = LiveModel.load(version), tmp_path_factory.mktemp("sibling")
    model.network.set_weights([one[::-1] * 0.5 for one in model.network.get_weights()])
    return toy_version.write(folder, model.manifest, model._tokenizer, model.network, TEXTS)


def folding_gains() -> Gains:
    """Has measured that folding is four times as fast."""
    times = iter([1.0, 1.0, 0.25, 0.25])
    return Gains(lambda call: next(times))


def served(directory: Path, gains: Gains) -> LiveModel:
    """As a worker loads it."""
    return loading.as_served(loading.load(directory, Sharing(gains)), gains)


def test_versions_of_a_kind_run_one_trace_each_with_its_own_weights(
    version: Path, sibling: Path
) -> None:
    gains = folding_gains()
    first, second = (served(one, gains) for one in (version, sibling))
    assert first.build == second.build == folding.BUILD
    assert first.trace is second.trace is not None
    for directory, model in ((version, first), (sibling, second)):
        expected = LiveModel.load(directory).predict_texts(TEXTS)
        assert all(map(model.answerer.agree, expected, model.predict_texts(TEXTS)))
    answers = [model.predict_texts(TEXTS[:1])[0].scores for model in (first, second)]
    assert answers[0] != answers[1], "each its own"


def test_the_next_version_builds_no_network(
    version: Path, sibling: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gains = folding_gains()
    first = served(version, gains)

    def never(*_: Any) -> Any:
        raise AssertionError("built")

    monkeypatch.setattr(catalog, "build", never)
    monkeypatch.setattr(folding, "empty", never)
    second = served(sibling, gains)
    assert second.weight_bytes == first.weight_bytes
    del first, second
    gc.collect()
    with pytest.raises(AssertionError, match="built"):
        served(version, gains)


def test_a_trace_goes_with_the_last_model_that_runs_it(version: Path) -> None:
    gains = folding_gains()
    model = served(version, gains)
    trace = weakref.ref(model.trace)
    model.predict_texts(TEXTS)
    del model
    gc.collect()
    assert trace() is None


def test_a_trace_keeps_no_network(version: Path) -> None:
    gains = Gains(lambda call: 1.0)
    first, second = LiveModel.load(version), LiveModel.load(version)
    for one in (first, second):
        sharing.share(one, gains.traces)
    expected = first.predict_texts(TEXTS)
    network = weakref.ref(first.network.get_layer("tokens"))
    del first
    answers = second.predict_texts(TEXTS)
    assert all(map(second.answerer.agree, expected, answers))
    gc.collect()
    assert network() is None


def test_one_whose_folding_is_refused_gets_its_network(
    version: Path, sibling: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gains = folding_gains()
    first = served(version, gains)
    right = folding.weights

    def wrong(*given: Any) -> list[Any]:
        return [one + 1 for one in right(*given)]

    monkeypatch.setattr(folding, "weights", wrong)
    second = served(sibling, gains)
    assert (first.build, second.build) == (folding.BUILD, USUAL)
    second.check_samples()


def test_weights_are_read_as_keras_reads_them(version: Path) -> None:
    found, network = stored(version / "model.keras"), LiveModel.load(version).network
    assert found is not None
    assert found.count_params() == network.count_params()
    for layer in network.layers:
        pairs = zip(layer.get_weights(), found.layers.get(layer.name, []), strict=True)
        assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def test_what_only_keras_knows_to_read_is_left_to_it(tmp_path: Path) -> None:
    ids = keras.Input((None, 3))
    keras.Model(ids, keras.layers.GRU(2)(ids)).save(tmp_path / "gru.keras")
    assert stored(tmp_path / "gru.keras") is None


def test_weights_outside_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["vars/0"] = np.zeros(2)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.create_group("layers/dense").attrs["name"] = "logits"
        file["layers/dense/vars"] = h5py.ExternalLink(str(path), "/vars")
    packed = tmp_path / "model.keras"
    with ZipFile(packed, "w") as container:
        container.write(tmp_path / "weights.h5", "model.weights.h5")
    with pytest.raises(ArtifactError, match="cannot be read"):
        stored(packed)


def test_weights_that_do_not_fit_are_refused() -> None:
    layers = {"tokens": [np.zeros((4, 2))], "width_2": [np.zeros((2, 2, 3))] * 2}
    with pytest.raises(ArtifactError, match="weights of width_2_1 do not fit"):
        folding.weights(Stored(layers).layers, [("width_2_1", 1)])


def test_only_the_run_that_was_asked_was_traced(version: Path) -> None:
    model = LiveModel.load(version)
    sharing.share(model, Gains().traces)
    assert isinstance(model.answerer.run, SharedRun)
    assert model.traces == 0
    model.predict_texts(TEXTS)
    assert model.traces == 1
