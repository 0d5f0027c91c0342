"""A tagging version answers: the batch contract, places in the original text, a single trace."""

from pathlib import Path

import msgspec
import pytest

from models.live_model import LiveModel
from schemas.errors import ArtifactError
from tests.models import tagger


@pytest.fixture(scope="module", params=["en", "zh"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LiveModel:
    return LiveModel.load(tagger.write(tmp_path_factory.mktemp("tagger"), request.param))


@pytest.fixture
def texts(model: LiveModel) -> list[str]:
    return [sample.text for sample in model.manifest.samples]


def test_spans_are_slices_of_the_original_text(model: LiveModel, texts: list[str]) -> None:
    answers = model.predict_texts(texts)
    assert sum(len(answer.spans or ()) for answer in answers) > 3
    for text, answer in zip(texts, answers, strict=True):
        end = 0
        for span in answer.spans or ():
            assert span.text == text[span.start : span.end] != ""
            assert end <= span.start
            assert span.label in ("PER", "LOC")
            assert 0 <= (span.score or -1) <= 1
            end = span.end


def test_a_text_has_one_answer_alone_and_in_any_batch(model: LiveModel, texts: list[str]) -> None:
    together = model.predict_texts(texts * 3)
    for number, answer in enumerate(together):
        alone = model.predict_texts([texts[number % len(texts)]])[0]
        assert model.answerer.agree(alone, answer)


@pytest.mark.parametrize(("length", "rows"), [(50, 1), (64, 3), (200, 2)])
def test_padding_never_changes_an_answer(
    model: LiveModel, texts: list[str], length: int, rows: int
) -> None:
    for text in texts:
        parsed = model.parse_texts([text])
        (tight,) = model.predict(model.features(parsed, len(parsed[0].ids), 1))
        (padded,) = model.predict(model.features(parsed, length, rows))
        assert model.answerer.agree(tight, padded)


def test_one_trace_whatever_the_shape(model: LiveModel, texts: list[str]) -> None:
    model.warm_up([(8, 1), (32, 4), (64, 2)])
    model.predict_texts(texts)
    model.check_samples()
    assert model.traces == 1


def test_texts_without_units_have_no_spans(model: LiveModel) -> None:
    for answer in model.predict_texts(["", " \n", "\x00"]):
        assert (answer.tokens, answer.spans, answer.truncated) == (1, (), False)


def test_a_wrong_span_is_noticed(model: LiveModel) -> None:
    sample = next(sample for sample in model.manifest.samples if sample.prediction.spans)
    wrong = msgspec.structs.replace(
        sample, prediction=msgspec.structs.replace(sample.prediction, spans=())
    )
    changed = msgspec.structs.replace(model.manifest, samples=(wrong,))
    kept, model.manifest = model.manifest, changed
    with pytest.raises(ArtifactError, match="sample"):
        model.check_samples()
    model.manifest = kept


def test_a_classifier_s_file_is_no_tagger(version: Path, model: LiveModel) -> None:
    with pytest.raises(ArtifactError, match="not a tokenizer"):
        type(model.answerer).load(version / "tokenizer.json")
