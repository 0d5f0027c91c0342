"""An extractive version answers: the batch contract, whole documents, its own words."""

import msgspec
import numpy as np
import pytest

from models.answering.extracts import ExtractAnswerer, Read
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from schemas.model_version import Language
from tests.models import extractor


@pytest.fixture(scope="module", params=["en", "zh"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LiveModel:
    return LiveModel.load(extractor.write(tmp_path_factory.mktemp("extractor"), request.param))


@pytest.fixture
def lang(model: LiveModel) -> Language:
    return model.manifest.languages[0]


@pytest.fixture
def texts(model: LiveModel) -> list[str]:
    return [sample.text for sample in model.manifest.samples]


def test_a_summary_is_made_of_sentences_of_the_original(model: LiveModel, texts: list[str]) -> None:
    for text, answer in zip(texts, model.predict_texts(texts), strict=True):
        (parsed,) = model.parse_texts([text])
        words, cut = parsed.document.words, parsed.document.sentences
        said = [text[words[start].start : words[end - 1].end] for start, end in cut]
        left = answer.summary or ""
        for sentence in said:
            left = left.replace(" ".join(sentence.split()), "")
        assert left.strip() == ""
        assert bool(answer.summary) == bool(said)
        assert 0 <= (answer.score if answer.score is not None else -1) <= 1
        assert not answer.truncated


def test_a_document_has_one_answer_alone_and_in_any_batch(
    model: LiveModel, texts: list[str]
) -> None:
    for number, answer in enumerate(model.predict_texts(texts * 3)):
        alone = model.predict_texts([texts[number % len(texts)]])[0]
        assert model.answerer.agree(alone, answer)


@pytest.mark.parametrize(("length", "rows"), [(40, 1), (64, 3), (100, 2)])
def test_padding_never_changes_an_answer(
    model: LiveModel, texts: list[str], length: int, rows: int
) -> None:
    for text in texts[:4]:
        parsed = model.parse_texts([text])
        (tight,) = model.predict(model.features(parsed, len(parsed[0].ids), 1))
        (padded,) = model.predict(model.features(parsed, length, rows))
        assert model.answerer.agree(tight, padded)


def test_one_trace_whatever_the_shape(model: LiveModel, texts: list[str]) -> None:
    model.warm_up([(8, 1), (32, 4), (40, 2)])
    model.predict_texts(texts)
    model.check_samples()
    assert model.traces == 1


def test_a_long_document_is_read_to_its_end(model: LiveModel, lang: Language) -> None:
    """Its last sentence is chosen where it is the best of all."""
    (sentence, blank) = {"en": ("It rains here", " "), "zh": ("天气好", "")}[lang]
    stop = {"en": ".", "zh": "。"}[lang]
    text = blank.join(f"{sentence}{stop}" for _ in range(60))
    (parsed,) = model.parse_texts([text])
    assert len(parsed.windows) > 3
    assert parsed.windows[-1][1] == len(parsed.ids) == parsed.tokens
    rows = [np.full((1, 64), -5, np.float32) for _ in parsed.windows]
    last = parsed.document.ids[parsed.windows[-1][0] : parsed.tokens, -5]
    rows[-1][0, last[-1] - last[0]] = 5
    (joined,) = model.answerer.stitch([np.concatenate(rows)], parsed)
    assert joined.shape == (1, 60)
    assert joined[0].argmax() == 59


def test_windows_read_in_several_calls_answer_as_in_one(
    model: LiveModel, lang: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls in which the fullest window has other numbers of sentences."""
    word, stop = {"en": ("It ", "it. "), "zh": ("天", "。")}[lang]
    text = "".join(word * (1 + at % 17) + stop for at in range(60))
    (at_once,) = model.predict_texts([text])
    monkeypatch.setattr("models.live_model.TOKEN_BUDGET", 80)
    (in_turns,) = model.predict_texts([text])
    assert model.answerer.agree(at_once, in_turns)


@pytest.mark.parametrize(
    ("text", "summary"),
    [("", ""), (" \n\t", ""), ("nothing ends here", "nothing ends here"), ("。", "。")],
)
def test_a_text_without_sentences_is_answered(model: LiveModel, text: str, summary: str) -> None:
    (answer,) = model.predict_texts([text])
    assert answer.summary == summary


def test_what_never_stops_is_answered_by_a_piece(model: LiveModel) -> None:
    (answer,) = model.predict_texts(["word " * 5000])
    assert answer.summary
    assert len(answer.summary) < 2 * 20 * len("word ")
    assert (answer.tokens, answer.truncated) in ((5000, False), (20000, False))


def test_a_shared_sentence_has_the_score_of_the_window_where_it_is_farther_from_an_edge(
    model: LiveModel,
) -> None:
    cut = [(at * 4, at * 4 + 4) for at in range(20)]
    (one,) = model.parse_texts(["a"])
    ids = np.ones((80, one.ids.shape[1]), np.int32)
    ids[:, -5] = np.repeat(np.arange(1, 21), 4)
    document = one.document._replace(ids=ids, sentences=tuple(cut))
    parsed = Read(
        ids=ids,
        tokens=80,
        truncated=False,
        windows=((0, 40), (32, 72), (64, 80)),
        document=document,
    )
    rows = np.array([np.full(10, window) for window in range(3)], np.float32)
    (joined,) = model.answerer.stitch([rows], parsed)
    assert joined[0].tolist() == [0] * 9 + [1] * 8 + [2] * 3


def test_a_wrong_summary_is_noticed(model: LiveModel) -> None:
    sample = model.manifest.samples[0]
    wrong = msgspec.structs.replace(sample.prediction, summary="something else")
    samples = (msgspec.structs.replace(sample, prediction=wrong),)
    kept, model.manifest = model.manifest, msgspec.structs.replace(model.manifest, samples=samples)
    with pytest.raises(ArtifactError, match="sample"):
        model.check_samples()
    model.manifest = kept


def test_openings_are_left_out_where_the_recipe_says_so(model: LiveModel, lang: Language) -> None:
    head = msgspec.structs.replace(extractor.HEAD, drop_openings=True)
    architecture = model.manifest.architecture | {"head": msgspec.to_builtins(head)}
    manifest = msgspec.structs.replace(model.manifest, architecture=architecture)
    tokenizer = model.answerer._tokenizer  # type: ignore[attr-defined]
    answerer = ExtractAnswerer(manifest, tokenizer, model.network)
    (parsed,) = model.parse_texts(["In this paper, it is tested."])
    logits = np.zeros((1, len(parsed.document.sentences)), np.float32)
    (answer,) = answerer.decode([logits], [parsed])
    assert answer.summary == "It is tested."
