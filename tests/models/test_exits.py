"""Early exit: where a network is cut, who leaves, in which company, in which arrays."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from models import artifact, catalog, exits, loading
from models.compression import trial_texts
from models.encoders.recurrent import RecurrentConfig
from models.encoders.transformer import TransformerConfig
from models.exits import LiveExits
from models.features import Features
from models.heads.tagging import TaggingConfig
from models.live_model import LiveModel
from schemas.errors import ArtifactError, SettingsError
from schemas.model_version import Exits
from tests.models.cascade_version import LABELS, MANY, part
from tests.models.training_rig import here
from tests.unit.worker_fakes import answer, batch, item
from workers.gate import shapes, trial
from workers.gate.trial import Subject, _questions, tried


@pytest.fixture(scope="module", params=["deep", "attending"])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LiveModel:
    """A version with exits that nobody leaves by."""
    return LiveModel.load(part(tmp_path_factory.mktemp("exits"), request.param))


@pytest.fixture(scope="module")
def ends(plain: LiveModel) -> list[list[Any]]:
    """What each end says of each text."""
    parsed = plain.parse_texts(MANY)
    return [
        trial_texts.judge(exits.of_end(plain, number), parsed)
        for number in range(len(plain.network.outputs))
    ]


@pytest.fixture
def model(plain: LiveModel, ends: list[list[Any]]) -> LiveExits:
    """About half of the texts leave at the first exit."""
    return leaving(plain, sorted(one.confidence for one in ends[0])[len(MANY) // 2] + 1e-3)


def leaving(plain: LiveModel, threshold: float) -> LiveExits:
    shares = tuple([1 / len(plain.network.outputs)] * len(plain.network.outputs))
    manifest = replace(plain.manifest, exits=Exits(threshold=threshold, shares=shares))
    return LiveExits(manifest, plain._tokenizer, plain.network)


def names(model: LiveExits) -> list[str]:
    return [f"exit-{number + 1}" for number in range(len(model._stages) - 1)] + ["last"]


def test_a_text_leaves_at_the_first_exit_that_is_sure(
    model: LiveExits, ends: list[list[Any]]
) -> None:
    threshold = model._exits.threshold
    answers = model.predict_texts(MANY)
    assert len({one.build for one in answers}) >= 2
    assert any(one.tokens > 30 for one in answers), "some are read in windows"
    for at, given in enumerate(answers):
        said = [judged[at] for judged in ends]
        end = next((n for n, one in enumerate(said[:-1]) if one.confidence >= threshold), -1)
        assert given.build == names(model)[end]
        assert model.answerer.agree(said[end].answer, given)


def test_a_text_has_one_answer_alone_and_in_any_company(model: LiveExits) -> None:
    for text, given in zip(MANY, model.predict_texts(MANY), strict=True):
        assert model.agree(model.predict_texts([text])[0], given)


def test_a_text_at_the_threshold_goes_one_way_in_any_company(
    plain: LiveModel, ends: list[list[Any]]
) -> None:
    class Noisy(LiveExits):
        def _judged(self, features: Features, stage: int) -> Any:
            judged, states = super()._judged(features, stage)
            noise = 0.9 * self.tolerance * (-1) ** len(judged) * (len(judged) > 1)
            moved = [one._replace(confidence=one.confidence + noise) for one in judged]
            return moved, states

    for at in (2, 31):
        for more, expected in ((0.0, True), (2e-6, False)):
            exact = leaving(plain, ends[0][at].confidence + more)
            noisy = Noisy(exact.manifest, exact._tokenizer, exact.network)
            for company in (0, 1, 2, 5):
                given = noisy.predict_texts([MANY[at], *MANY[:company]])[0]
                assert (given.build == "exit-1") is expected


def test_those_that_go_on_share_arrays_in_a_worker(model: LiveExits) -> None:
    seen: list[int] = []

    class Seen(LiveExits):
        def predict(self, features: Features) -> list[Any]:
            seen.append(features.parsed[0].stage)
            return super().predict(features)

    watched = Seen(model.manifest, model._tokenizer, model.network)
    items = [item(number, text) for number, text in enumerate(MANY)]
    answers, endings = answer(batch(*items), watched, datetime.now(UTC))
    assert not endings
    given = {one.item.offset: one.prediction for one in answers}
    expected = model.predict_texts(MANY)
    assert all(model.agree(given[number], expected[number]) for number in range(len(MANY)))
    assert seen == sorted(seen), "every stage after all of the stage before"


def test_stages_share_the_weights_and_are_traced_once(model: LiveExits) -> None:
    model.warm_up([(16, 2)])
    model.predict_texts(MANY)
    assert model.traces == 1
    whole = {id(weight) for weight in model.network.weights}
    cut = exits.stages(model.network, catalog.exits_of(_encoder(model)))
    assert {id(weight) for stage in cut for weight in stage.weights} == whole


def _encoder(model: LiveModel) -> Any:
    return catalog.read(model.manifest.architecture).encoder


def test_its_cost_and_the_gate(model: LiveExits) -> None:
    model.time([(16, 4)], within_s=60.0)
    assert model.timings[0][:2] == (4, 16)
    assert model.timings[0][2] > 0
    for one in model.parts:
        shapes.check(one, _questions(model.manifest), 30, within_s=0.0)
    assert loading.as_served(model) is model


@pytest.mark.parametrize("wrong", [(2,), (0,), (1, 1), (3,)])
def test_exits_that_no_layer_has_are_refused(wrong: tuple[int, ...]) -> None:
    for kind in (RecurrentConfig, TransformerConfig):
        with pytest.raises(ValueError, match="must ascend, from 1"):
            kind(layers=2, exits=wrong)


def test_exits_serve_classifiers_alone() -> None:
    encoder = RecurrentConfig(layers=2, exits=(1,))
    tagger = catalog.Architecture(vocabulary=9, classes=3, encoder=encoder, head=TaggingConfig())
    with pytest.raises(ArtifactError, match="exits are for heads that classify"):
        catalog.build(tagger)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts with the labels that an untrained version gives them, and one of each label."""
    folder = tmp_path_factory.mktemp("corpus")
    answers = LiveModel.load(part(folder, "plain")).predict_texts(MANY)
    pairs = [(text, one.label) for text, one in zip(MANY, answers, strict=True)]
    pairs += zip(MANY, LABELS, strict=False)
    lines = [json.dumps({"text": text, "label": label}) for text, label in pairs]
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_a_version_gets_exits_and_passes_the_gate(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SHAPES_S", 0.5)
    parent, texts = corpus / "plain" / "v", corpus / "texts.jsonl"
    command = ("compress", "early-exit", parent, "--train", texts, "--dev", texts, "--epochs", 1)
    said = json.loads(
        here(*command, "--min-agreement", 0.9, "--any-language", "--out", tmp_path / "v")
    )
    assert 0.9 <= said["agreement"] <= 1
    assert len(said["shares"]) == 2
    assert sum(said["shares"]) == pytest.approx(1)
    model, before = loading.load(tmp_path / "v"), LiveModel.load(parent)
    assert isinstance(model, LiveExits)
    last = exits.of_end(model, -1).predict_texts(MANY)
    same = zip(last, before.predict_texts(MANY), strict=True)
    assert all(np.isclose(one.score or 0, other.score or 0, atol=1e-2) for one, other in same)
    assert model.manifest.parent == artifact.digest(before.manifest)
    found = tried(Subject(tmp_path / "v"))
    assert all(check.ok for check in found.checks), found.checks


@pytest.mark.parametrize(
    ("kind", "train", "said"),
    [
        ("flat", True, "has one layer"),
        ("plain", False, "has no exits: give --train"),
        ("attending", True, "has exits already"),
    ],
)
def test_what_cannot_have_exits_is_said(
    corpus: Path, tmp_path: Path, kind: str, train: bool, said: str
) -> None:
    directory, texts = part(tmp_path, kind), corpus / "texts.jsonl"
    more = ("--train", texts) if train else ()
    with pytest.raises(SettingsError, match=said):
        here("compress", "early-exit", directory, *more, "--dev", texts, "--out", tmp_path / "v")
