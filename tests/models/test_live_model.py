"""The batch contract, the single trace, the round trip, and what is refused."""

import shutil
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models import artifact
from models.live_model import TOLERANCE, LiveModel, agree
from schemas.errors import ArtifactError


@pytest.fixture(scope="module")
def model(version: Path) -> LiveModel:
    return LiveModel.load(version)


@pytest.fixture(scope="module")
def texts(model: LiveModel) -> list[str]:
    return [sample.text for sample in model.manifest.samples]


def test_answers_differ_from_text_to_text(model: LiveModel, texts: list[str]) -> None:
    answers = model.predict_texts(texts)
    assert len({answer.label for answer in answers}) > 2
    assert max(answer.score or 0 for answer in answers) > 0.5


def test_a_text_has_one_answer_alone_and_in_any_batch(model: LiveModel, texts: list[str]) -> None:
    together = model.predict_texts(texts * 3)
    for number, answer in enumerate(together):
        assert agree(model.predict_texts([texts[number % len(texts)]])[0], answer)


@pytest.mark.parametrize(("length", "rows"), [(100, 1), (104, 1), (128, 8), (512, 2)])
def test_padding_never_changes_an_answer(
    model: LiveModel, texts: list[str], length: int, rows: int
) -> None:
    for text in texts:
        parsed = model.parse_texts([text])
        (tight,) = model.predict(model.features(parsed, len(parsed[0].ids), 1))
        (padded,) = model.predict(model.features(parsed, length, rows))
        assert agree(tight, padded), (text, tight, padded)


def test_a_text_shorter_than_every_filter_has_an_answer(model: LiveModel) -> None:
    (answer,) = model.predict(model.features(model.parse_texts(["no"]), 1, 1))
    assert answer.tokens == 1
    assert answer.label in model.manifest.labels


def test_one_trace_whatever_the_shape(model: LiveModel, texts: list[str]) -> None:
    model.warm_up([(16, 1), (32, 4), (64, 2)])
    model.predict_texts(texts)
    assert model.traces == 1


def test_it_says_what_arrays_took_but_not_for_ever(model: LiveModel) -> None:
    shapes = [(16, 1), (32, 4), (64, 2)]
    model.warm_up(shapes)
    model.time(shapes, within_s=60.0)
    assert [timing[:2] for timing in model.timings] == [(1, 16), (4, 32), (2, 64)]
    assert min(seconds for _, _, seconds in model.timings) > 0
    model.timings = ()
    model.time(shapes, within_s=0.0)
    assert len(model.timings) == 1


def test_bad_texts_do_not_change_their_neighbours(model: LiveModel) -> None:
    alone = model.predict_texts(["play the music"])[0]
    answers = model.predict_texts(["\ud800", "play the music", "", "\x00" * 5000])
    assert len(answers) == 4
    assert agree(alone, answers[1])


def test_scores_are_the_five_best_in_order(model: LiveModel, texts: list[str]) -> None:
    for answer in model.predict_texts(texts):
        assert len(answer.scores) == 5
        assert all(one >= other for one, other in pairwise(answer.scores.values()))
        assert next(iter(answer.scores.items())) == (answer.label, answer.score)


def test_no_texts_no_answers(model: LiveModel) -> None:
    assert model.predict_texts([]) == []
    assert model.predict(model.features([], 16, 2)) == []


def test_samples_hold_after_a_load(model: LiveModel) -> None:
    model.check_samples()


def test_a_wrong_sample_is_noticed(version: Path) -> None:
    model = LiveModel.load(version)
    sample = model.manifest.samples[0]
    scores = {label: score + 3 * TOLERANCE for label, score in sample.prediction.scores.items()}
    wrong = msgspec.structs.replace(
        sample, prediction=msgspec.structs.replace(sample.prediction, scores=scores)
    )
    model.manifest = msgspec.structs.replace(model.manifest, samples=(wrong,))
    with pytest.raises(ArtifactError, match="sample"):
        model.check_samples()


def test_answers_that_are_not_numbers_are_refused(version: Path) -> None:
    model = LiveModel.load(version)
    for weight in model.network.weights:
        weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(ArtifactError, match="finite"):
        model.predict_texts(["play"])


def test_damaged_weights_are_refused_before_they_are_opened(version: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(version, copy)
    content = bytearray((copy / artifact.WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / artifact.WEIGHTS).write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        LiveModel.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("a", "b")}, "do not fit"),
        ({"architecture": {"encoder": {"type": "unheard-of"}}}, "cannot build"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    version: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(version, copy)
    manifest = msgspec.structs.replace(artifact.read_manifest(copy), **change)
    (copy / artifact.MANIFEST).write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(ArtifactError, match=message):
        LiveModel.load(copy)
