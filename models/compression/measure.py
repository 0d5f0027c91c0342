"""How fast a version is, how well it answers, and how often two versions answer alike.

Speeds are compared in turns, so that a machine that is busy for a moment is so for both.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from models.compression import examples
from models.live_model import LiveModel
from models.training import scoring
from models.training.reading.corpus import Reading
from models.training.tagged import Sentence
from schemas.prediction import Prediction
from schemas.question import Question

GRID: Final = ((16, 1), (16, 32), (32, 32), (64, 32), (16, 128), (64, 64))
"""`(length, rows)` of the arrays that speeds are taken of, as batches of short texts are cut."""
ASKED: Final = 1024
"""Texts at most that are asked to take a speed."""
ROUNDS: Final = 5
"""Runs of each array; the shortest counts."""
SCORES: Final = ("accuracy", "entity_f1", "word_f1", "rouge_l")
"""What a version is worth, by its kind; the last of these that its evaluation has."""


def texts_per_s(models: Sequence[LiveModel], rounds: int = ROUNDS) -> list[float]:
    """Return how many texts a second each model predicts, over `GRID`; all are warm afterwards."""
    shapes = [(length, rows) for length, rows in GRID if length <= models[0].lengths[-1]]
    best = [[float("inf")] * len(shapes) for _ in models]
    for turn in range(rounds + 1):
        for one, times in zip(models, best, strict=True):
            for place, shape in enumerate(shapes):
                taken = _seconds(one, shape)
                times[place] = min(times[place], taken if turn else float("inf"))
    texts = sum(rows for _, rows in shapes)
    return [texts / sum(times) for times in best]


def of_questions(
    models: Sequence[LiveModel], questions: Sequence[Question], rounds: int = 3
) -> list[float]:
    """Return how many of these texts a second each warm model answers, parsing included.

    For versions whose time depends on how hard the texts are; at most `ASKED` are asked.
    """
    some = list(questions[:: max(1, len(questions) // ASKED)][:ASKED])
    best = [float("inf")] * len(models)
    for turn in range(rounds + 1):
        for place, model in enumerate(models):
            started = perf_counter()
            model.ask(some)
            taken = perf_counter() - started
            best[place] = min(best[place], taken if turn else float("inf"))
    return [len(some) / seconds for seconds in best]


def _seconds(model: LiveModel, shape: tuple[int, int]) -> float:
    features = model.warm_features(*shape)
    started = perf_counter()
    model.predict(features)
    return perf_counter() - started


def agreement(ours: Sequence[Prediction], theirs: Sequence[Prediction]) -> float:
    """Return the share of texts to which two versions give one answer, scores aside."""
    same = sum(_said(one) == _said(other) for one, other in zip(ours, theirs, strict=True))
    return same / max(1, len(ours))


def _said(answer: Prediction) -> object:
    spans = [(one.start, one.end, one.label) for one in answer.spans or ()]
    return answer.label, answer.summary, spans


def questions(model: LiveModel, path: Path, reading: Reading | None = None) -> list[Question]:
    """Return the texts of a file of the model's task, without what should be answered."""
    corpus = examples.corpus(model.manifest, [path], reading or Reading())
    return [Question(one.text) if isinstance(one, Sentence) else one.question for one in corpus]


def score(model: LiveModel, dev: Path, reading: Reading | None = None) -> float:
    """Return what the version is worth on labelled texts, 0 to 1."""
    metrics = scoring.evaluate(model, dev, reading).metrics
    return metrics[main_score(metrics)]


def main_score(names: Collection[str]) -> str:
    """Return which of these scores says what a version is worth."""
    return next(name for name in reversed(SCORES) if name in names)
