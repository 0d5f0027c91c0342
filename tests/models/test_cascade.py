"""A cascade in memory: who answers, in which company, in which arrays, and what it costs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from models import loading
from models.answering.answerer import Judged, Parsed
from models.cascade import LiveCascade, check_pair
from models.compression import trial_texts
from models.features import Features
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from tests.models import tagger
from tests.models.cascade_version import MANY, cascade, part
from tests.unit.worker_fakes import answer, batch, item
from workers.gate import shapes
from workers.gate.trial import _questions


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("parts")
    return part(folder, "cheap"), part(folder, "strong")


@pytest.fixture(scope="module")
def confidences(parts: tuple[Path, Path]) -> list[float]:
    cheap = LiveModel.load(parts[0])
    return [one.confidence for one in trial_texts.judge(cheap, cheap.parse_texts(MANY))]


@pytest.fixture
def both(parts: tuple[Path, Path], confidences: list[float]) -> LiveCascade:
    """Half of the texts are answered by each."""
    middle = sorted(confidences)[len(confidences) // 2]
    return cascade(*parts, middle + 2e-3)


def test_the_sure_are_answered_by_the_cheap_and_the_rest_by_the_strong(
    both: LiveCascade, confidences: list[float]
) -> None:
    answers = both.predict_texts(MANY)
    threshold = both.manifest.cascade.threshold  # type: ignore[union-attr]
    assert {one.build for one in answers} == {"cheap", "strong"}
    for text, confidence, given in zip(MANY, confidences, answers, strict=True):
        one = both.cheap if confidence >= threshold else both.strong
        assert given.build == ("cheap" if one is both.cheap else "strong")
        assert one.agree(one.predict_texts([text])[0], replace(given, build=None))


def test_a_text_has_one_answer_alone_and_in_any_company(both: LiveCascade) -> None:
    together = both.predict_texts(MANY)
    for text, given in zip(MANY, together, strict=True):
        assert both.agree(both.predict_texts([text])[0], given)


class Noisy(LiveModel):
    """As sure as it is, give or take what its promise allows, by how many are asked together."""

    def judge(self, features: Features) -> list[Judged]:
        noise = 0.9 * self.tolerance * (-1) ** len(features.parsed)
        alone = len(features.parsed) == 1
        judged = super().judge(features)
        return [one._replace(confidence=one.confidence + (not alone) * noise) for one in judged]


def test_a_text_at_the_threshold_goes_one_way_in_any_company(
    parts: tuple[Path, Path], confidences: list[float]
) -> None:
    for at in (3, 17, 40):
        both = cascade(*parts, confidences[at])
        both.cheap = Noisy.load(parts[0])
        for company in (0, 1, 2, 5):
            given = both.predict_texts([MANY[at], *MANY[:company]])[0]
            assert given.build == "cheap"
        beyond = cascade(*parts, confidences[at] + 2e-6)
        beyond.cheap = both.cheap
        for company in (0, 1, 2, 5):
            given = beyond.predict_texts([MANY[at], *MANY[:company]])[0]
            assert given.build == "strong"


def test_those_that_go_on_share_arrays_whatever_array_they_come_from(both: LiveCascade) -> None:
    seen: list[tuple[str, int, int]] = []

    class Seen(LiveCascade):
        def predict(self, features: Features) -> list[Any]:
            name = "strong" if self._reading(features.parsed) is self.strong else "cheap"
            seen.append((name, features.ids.shape[1], len(features.parsed)))
            return super().predict(features)

    model = Seen(both.manifest, both.cheap, both.strong)
    items = [item(number, text) for number, text in enumerate(MANY)]
    answers, endings = answer(batch(*items), model, datetime.now(UTC))
    assert not endings
    given = {one.item.offset: one.prediction for one in answers}
    expected = both.predict_texts(MANY)
    assert all(both.agree(given[number], expected[number]) for number in range(len(MANY)))
    names = [name for name, _, _ in seen]
    assert names == sorted(names), "all cheap arrays first, then the strong ones"
    strong = [(length, rows) for name, length, rows in seen if name == "strong"]
    went_on = sum(one.build == "strong" for one in expected)
    assert sum(rows for _, rows in strong) == went_on
    assert len({length for length, _ in strong}) == len(strong), "one array a length"


def test_its_cost_is_that_of_texts_as_the_dev_texts_were(both: LiveCascade) -> None:
    asked: list[tuple[str, int, int]] = []

    def slow(name: str, second: float) -> Any:
        def seconds(length: int, rows: int) -> float:
            asked.append((name, length, rows))
            return second * rows

        return seconds

    both.cheap.seconds = slow("cheap", 1.0)  # type: ignore[method-assign]
    both.strong.seconds = slow("strong", 10.0)  # type: ignore[method-assign]
    both.time([(16, 1), (64, 32)], within_s=60.0)
    assert both.timings == [(1, 16, 1.0 + 5.0), (32, 64, 32.0 + 160.0)]
    assert asked == [("cheap", 16, 1), ("strong", 16, 1), ("cheap", 64, 32), ("strong", 64, 16)]


def test_both_are_traced_at_the_warm_up_and_once(both: LiveCascade) -> None:
    both.warm_up([(16, 1)])
    assert (both.cheap.traces, both.strong.traces) == (1, 1)
    both.predict_texts(MANY)
    assert both.traces == 1
    assert both.weight_bytes == both.cheap.weight_bytes + both.strong.weight_bytes


def test_the_gate_tries_the_whole_and_both_parts(both: LiveCascade) -> None:
    questions = _questions(both.manifest)
    assert [type(one) for one in both.parts] == [LiveCascade, LiveModel, LiveModel]
    shapes.check(both, questions, 60, within_s=0.0)
    served = loading.as_served(both)
    assert isinstance(served, LiveCascade)


def test_a_cascade_that_depends_on_company_is_noticed(both: LiveCascade) -> None:
    class Leaking(LiveCascade):
        def _decided(self, parsed: Parsed, judged: Judged) -> Judged:
            return judged._replace(confidence=judged.confidence + self.more)

        def predict(self, features: Features) -> list[Any]:
            self.more = 1.0 if len(features.parsed) > 3 else -1.0
            return super().predict(features)

    leaking = Leaking(both.manifest, both.cheap, both.strong)
    with pytest.raises(ArtifactError, match="another answer than"):
        shapes.check(leaking, _questions(both.manifest), 60, within_s=0.0)


def test_taggers_are_as_sure_as_of_their_least_sure_tag(tmp_path: Path) -> None:
    directory = tagger.write(tmp_path, "en")
    model = LiveModel.load(directory)
    texts: Sequence[str] = tagger.TEXTS["en"]
    judged = trial_texts.judge(model, model.parse_texts(texts))
    for one in judged:
        assert (
            0
            < one.confidence
            <= min((span.score or 0 for span in one.answer.spans or ()), default=1) + 1e-6
        )
    threshold = sorted(one.confidence for one in judged)[len(judged) // 2] - 1e-3
    both = cascade(directory, directory, threshold)
    answers = both.predict_texts(texts)
    assert {one.build for one in answers} == {"cheap", "strong"}
    for one, given in zip(judged, answers, strict=True):
        assert model.agree(one.answer, replace(given, build=None))
    tokens = [text.split() or ["x"] for text in texts]
    assert len(both.predict_parsed(both.parse_tokens(tokens))) == len(texts)


def test_two_that_cannot_answer_for_each_other_are_refused(tmp_path: Path, parts: Any) -> None:
    other = part(tmp_path, "cheap", labels=tuple("abcx"))
    with pytest.raises(ArtifactError, match="the same one task, with the same labels"):
        check_pair(LiveModel.load(other), LiveModel.load(parts[1]))
    english = part(tmp_path / "en", "cheap", languages=("en",))
    with pytest.raises(ArtifactError, match="does not read zh"):
        check_pair(LiveModel.load(english), LiveModel.load(parts[1]))
