"""How well a loaded version answers labelled texts, by the very path that serves.

A tagger is given the corpus's own tokens, as is usual, so that its tags and the gold ones pair up;
a kind that the model does not have is looked up in `models.text.tags.SYNONYMS`, and missed if not
there.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from models.answering.classes import ClassAnswerer
from models.answering.extracts import ExtractAnswerer
from models.answering.spans import SpanAnswerer
from models.answering.summaries import SummaryAnswerer
from models.live_model import LiveModel
from models.text.tags import Chunk, synonyms_for, tags_of
from models.training import data, summarised, tagged
from models.training.data import Example
from models.training.metrics import scores
from models.training.reading.corpus import Reading
from models.training.rouge import mean_rouge
from models.training.summarised import Summarised
from models.training.tag_metrics import tag_scores
from models.training.tagged import Sentence
from schemas.prediction import Prediction


def evaluate(model: LiveModel, path: Path, reading: Reading | None = None) -> dict[str, Any]:
    """Score a file of the model's task.

    `left_out` counts the lines whose label the model does not know and those that are no examples.
    """
    return _EVALUATIONS[type(model.answerer)](model, path, reading or Reading())


def score(model: LiveModel, examples: Sequence[Example]) -> dict[str, float]:
    """Return accuracy and macro precision, recall and F1; every label must be the model's."""
    numbers = {label: number for number, label in enumerate(model.manifest.labels)}
    answers = model.ask([example.question for example in examples])
    gold = [numbers[example.label] for example in examples]
    predicted = [numbers[answer.label or ""] for answer in answers]
    return scores(gold, predicted, len(numbers))


def score_tags(model: LiveModel, sentences: Sequence[Sentence]) -> dict[str, float]:
    """Return token accuracy and the scheme's F1; a tag that the model does not have is missed."""
    parsed = cast(SpanAnswerer, model.answerer).parse_tokens([one.tokens for one in sentences])
    answers = model.predict_parsed(parsed)
    labels = model.manifest.labels
    predicted = [
        tags_of(_stretches(answer, [word.start for word in one.words]), len(gold.tokens), labels)
        for one, answer, gold in zip(parsed, answers, sentences, strict=True)
    ]
    return tag_scores([one.tags for one in sentences], predicted, labels)


def score_summaries(model: LiveModel, examples: Sequence[Summarised]) -> dict[str, float]:
    """Return the mean `rouge_1`, `rouge_2` and `rouge_l`, against the best of the references."""
    answers = model.ask([one.question for one in examples])
    references = [one.references for one in examples]
    summaries = [answer.summary or "" for answer in answers]
    return mean_rouge(summaries, references, model.manifest.languages[0])


def _stretches(answer: Prediction, starts: Sequence[int]) -> list[Chunk]:
    """Return an answer's spans by the numbers of their tokens, given where each token starts."""
    return [
        Chunk(bisect_left(starts, span.start), bisect_left(starts, span.end), span.label)
        for span in answer.spans or ()
    ]


def _evaluate_labels(model: LiveModel, path: Path, reading: Reading) -> dict[str, Any]:
    corpus = data.corpus([path], reading)
    split = data.select(corpus, model.manifest.labels, path)
    row = {"examples": len(split.examples), "left_out": split.left_out + corpus.bad_lines}
    return row | score(model, split.examples)


def _evaluate_tags(model: LiveModel, path: Path, reading: Reading) -> dict[str, Any]:
    corpus = tagged.corpus([path], synonyms_for(model.manifest.labels), reading)
    sentences = list(corpus)
    row = {"examples": len(sentences), "left_out": corpus.bad_lines}
    return row | score_tags(model, sentences)


def _evaluate_summaries(model: LiveModel, path: Path, reading: Reading) -> dict[str, Any]:
    corpus = summarised.corpus([path], reading)
    examples = list(corpus)
    row = {"examples": len(examples), "left_out": corpus.bad_lines}
    return row | score_summaries(model, examples)


_EVALUATIONS: Mapping[type, Callable[[LiveModel, Path, Reading], dict[str, Any]]] = {
    ClassAnswerer: _evaluate_labels,
    SpanAnswerer: _evaluate_tags,
    SummaryAnswerer: _evaluate_summaries,
    ExtractAnswerer: _evaluate_summaries,
}
"""What a version does by its kind of head: parsing, the traced function, reading its outputs."""
