"""How well a loaded version answers labelled texts, by the very path that serves.

A tagger is given the corpus's own tokens, as is usual, so that its tags and the gold ones pair up;
a kind that the model does not have is looked up in `models.text.tags.SYNONYMS`, and missed if not
there.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import msgspec

from models.answering.classes import ClassAnswerer
from models.answering.extracts import ExtractAnswerer
from models.answering.spans import SpanAnswerer
from models.answering.summaries import SummaryAnswerer
from models.live_model import LiveModel
from models.text.tags import Chunk, synonyms_for, tags_of
from models.training import data, summarised, tagged
from models.training.data import Example
from models.training.metrics import calibration_error, micro, scores
from models.training.reading.corpus import Reading
from models.training.rouge import mean_rouge
from models.training.summarised import Summarised
from models.training.tag_metrics import tag_scores
from models.training.tagged import Sentence
from schemas.prediction import Prediction

T = TypeVar("T")
A = TypeVar("A")


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is worth on one file."""

    examples: int
    left_out: int
    """Lines whose label the model does not know and those that are no examples."""
    metrics: dict[str, float]
    """Scores from 0 to 1, by their names, and `texts_per_second`."""


def evaluate(model: LiveModel, path: Path, reading: Reading | None = None) -> Evaluation:
    """Score a file of the model's task; DataError where it has nothing to score.

    The time is that of parsing, predicting and decoding, in the shapes of evaluation, without
    loading, tracing and reading the file.
    """
    return _EVALUATIONS[type(model.answerer)](model, path, reading or Reading())


def of_files(model: LiveModel, paths: Sequence[Path], reading: Reading) -> dict[str, float]:
    """Return the scores of a version on the texts of these files together, by their names."""
    if isinstance(model.answerer, SpanAnswerer):
        synonyms = synonyms_for(model.manifest.labels)
        return score_tags(model, list(tagged.corpus(paths, synonyms, reading)))
    if isinstance(model.answerer, ClassAnswerer):
        corpus = data.corpus(paths, reading)
        return score(model, data.select(corpus, model.manifest.labels, paths[0]).examples)
    return score_summaries(model, list(summarised.corpus(paths, reading)))


def score(model: LiveModel, examples: Sequence[Example]) -> dict[str, float]:
    """Return accuracy and macro precision, recall and F1; every label must be the model's."""
    return label_scores(model, examples, model.ask([one.question for one in examples]))


def score_tags(model: LiveModel, sentences: Sequence[Sentence]) -> dict[str, float]:
    """Return token accuracy and the scheme's F1; a tag that the model does not have is missed."""
    return tag_scores(
        [one.tags for one in sentences], _tags(model, sentences), model.manifest.labels
    )


def score_summaries(model: LiveModel, examples: Sequence[Summarised]) -> dict[str, float]:
    """Return the mean `rouge_1`, `rouge_2` and `rouge_l`, against the best of the references."""
    return _summary_scores(model, examples, model.ask([one.question for one in examples]))


def label_scores(
    model: LiveModel, examples: Sequence[Example], answers: Sequence[Prediction]
) -> dict[str, float]:
    """Return the scores of answers that were given to these examples."""
    numbers = {label: number for number, label in enumerate(model.manifest.labels)}
    gold = [numbers[example.label] for example in examples]
    predicted = [numbers[answer.label or ""] for answer in answers]
    return scores(gold, predicted, len(numbers))


def _tags(model: LiveModel, sentences: Sequence[Sentence]) -> list[list[str]]:
    """Return the tag that the model gives to each token of the corpus."""
    parsed = model.parse_tokens([one.tokens for one in sentences])
    return _tags_said(model, sentences, parsed, model.predict_parsed(parsed))


def said_tag_scores(
    model: LiveModel,
    sentences: Sequence[Sentence],
    parsed: Sequence[Any],
    answers: Sequence[Prediction],
) -> dict[str, float]:
    """Return the scores of answers that were given to these sentences, parsed by their tokens."""
    said = _tags_said(model, sentences, parsed, answers)
    return tag_scores([one.tags for one in sentences], said, model.manifest.labels)


def _tags_said(
    model: LiveModel,
    sentences: Sequence[Sentence],
    parsed: Sequence[Any],
    answers: Sequence[Prediction],
) -> list[list[str]]:
    return [
        tags_of(
            _stretches(answer, [word.start for word in one.words]),
            len(gold.tokens),
            model.manifest.labels,
        )
        for one, answer, gold in zip(parsed, answers, sentences, strict=True)
    ]


def _summary_scores(
    model: LiveModel, examples: Sequence[Summarised], answers: Sequence[Prediction]
) -> dict[str, float]:
    references = [one.references for one in examples]
    summaries = [answer.summary or "" for answer in answers]
    return mean_rouge(summaries, references, model.manifest.languages[0])


def _stretches(answer: Prediction, starts: Sequence[int]) -> list[Chunk]:
    """Return an answer's spans by the numbers of their tokens, given where each token starts."""
    return [
        Chunk(bisect_left(starts, span.start), bisect_left(starts, span.end), span.label)
        for span in answer.spans or ()
    ]


def _timed(answer: Callable[[Sequence[T]], Sequence[A]], asked: Sequence[T]) -> tuple[Any, float]:
    """Return the answers and how many a second there were, after one that is not counted."""
    answer(asked[:1])
    start = perf_counter()
    answers = answer(asked)
    return answers, len(asked) / (perf_counter() - start)


def _evaluate_labels(model: LiveModel, path: Path, reading: Reading) -> Evaluation:
    corpus = data.corpus([path], reading)
    corpus.warn_of_language(model.manifest.languages)
    examples, unknown = data.select(corpus, model.manifest.labels, path)
    answers, pace = _timed(model.ask, [one.question for one in examples])
    found = label_scores(model, examples, answers)
    right = [one.label == said.label for one, said in zip(examples, answers, strict=True)]
    ece = calibration_error([said.score for said in answers], right)
    metrics = found | micro(found["accuracy"]) | {"ece": ece, "texts_per_second": pace}
    left_out = unknown + corpus.bad_lines
    return Evaluation(examples=len(examples), left_out=left_out, metrics=metrics)


def _evaluate_tags(model: LiveModel, path: Path, reading: Reading) -> Evaluation:
    corpus = tagged.corpus([path], synonyms_for(model.manifest.labels), reading)
    corpus.warn_of_language(model.manifest.languages)
    sentences = list(corpus)
    tags, pace = _timed(partial(_tags, model), sentences)
    found = tag_scores([one.tags for one in sentences], tags, model.manifest.labels)
    metrics = found | {"texts_per_second": pace}
    return Evaluation(examples=len(sentences), left_out=corpus.bad_lines, metrics=metrics)


def _evaluate_summaries(model: LiveModel, path: Path, reading: Reading) -> Evaluation:
    corpus = summarised.corpus([path], reading)
    corpus.warn_of_language(model.manifest.languages)
    examples = list(corpus)
    answers, pace = _timed(model.ask, [one.question for one in examples])
    metrics = _summary_scores(model, examples, answers) | {"texts_per_second": pace}
    return Evaluation(examples=len(examples), left_out=corpus.bad_lines, metrics=metrics)


_EVALUATIONS: Mapping[type, Callable[[LiveModel, Path, Reading], Evaluation]] = {
    ClassAnswerer: _evaluate_labels,
    SpanAnswerer: _evaluate_tags,
    SummaryAnswerer: _evaluate_summaries,
    ExtractAnswerer: _evaluate_summaries,
}
"""By its kind of head, what a version is asked and how its answers are scored."""
