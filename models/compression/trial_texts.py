"""Labelled texts that versions are compared on: asked once, scored as often as need be."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from models.answering.answerer import Judged
from models.compression.measure import main_score
from models.live_model import LiveModel
from models.shapes import TOKEN_BUDGET, plan
from models.text.tags import synonyms_for
from models.training import data, scoring, tagged
from models.training.reading.corpus import Reading
from schemas.errors import DataError
from schemas.model_version import Manifest
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.task import Task


class Texts(Protocol):
    """Texts of one task with what is right."""

    questions: list[Question]

    def parse(self, model: LiveModel) -> list[Any]:
        """Parse them all for a model."""

    def score(
        self, model: LiveModel, parsed: Sequence[Any], answers: Sequence[Prediction]
    ) -> float:
        """Return what these answers are worth, 0 to 1."""


class Labelled:
    """Texts with one label each."""

    def __init__(self, path: Path, manifest: Manifest, reading: Reading) -> None:
        corpus = data.corpus([path], reading)
        corpus.warn_of_language(manifest.languages)
        self._examples, _ = data.select(corpus, manifest.labels, path)
        self.questions = [one.question for one in self._examples]

    def parse(self, model: LiveModel) -> list[Any]:
        """See `Texts`."""
        return model.parse(self.questions)

    def score(
        self, model: LiveModel, parsed: Sequence[Any], answers: Sequence[Prediction]
    ) -> float:
        """See `Texts`."""
        return _value(scoring.label_scores(model, self._examples, answers))


class Sentences:
    """Tagged sentences, given as the corpus cuts them."""

    def __init__(self, path: Path, manifest: Manifest, reading: Reading) -> None:
        corpus = tagged.corpus([path], synonyms_for(manifest.labels), reading)
        corpus.warn_of_language(manifest.languages)
        self._sentences = list(corpus)
        self.questions = [Question(" ".join(one.tokens)) for one in self._sentences]

    def parse(self, model: LiveModel) -> list[Any]:
        """See `Texts`."""
        return model.parse_tokens([one.tokens for one in self._sentences])

    def score(
        self, model: LiveModel, parsed: Sequence[Any], answers: Sequence[Prediction]
    ) -> float:
        """See `Texts`."""
        return _value(scoring.said_tag_scores(model, self._sentences, parsed, answers))


def read(path: Path, manifest: Manifest, reading: Reading) -> Texts:
    """Return the texts of a file for versions of this task; DataError where there are none."""
    kind = Sentences if manifest.task is Task.TAGGING else Labelled
    texts: Texts = kind(path, manifest, reading)
    if not texts.questions:
        raise DataError(f"{path} has no text to tune or to compare on")
    return texts


def judge(model: LiveModel, parsed: Sequence[Any]) -> list[Judged]:
    """Return a network's answers and how sure it is of each, in order."""
    found: dict[int, Judged] = {}
    for shape in plan([len(one.ids) for one in parsed], TOKEN_BUDGET, model.lengths):
        some = [parsed[at] for at in shape.indices]
        judged = model.judge(model.features(some, shape.length, shape.rows))
        found.update(zip(shape.indices, judged, strict=True))
    return [found[at] for at in range(len(parsed))]


def _value(metrics: dict[str, float]) -> float:
    return metrics[main_score(metrics)]
