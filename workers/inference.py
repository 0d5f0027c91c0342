"""One batch through the three stages of the model: text parsing, feature extraction, prediction.

    parse      texts -> token ids            all texts of the batch at once
    plan       true lengths -> shapes        texts of like length share one padded array
    features   token ids -> padded array     one array a shape
    predict    padded array -> predictions   as many as texts went in, or the shape has failed

A version of several networks gives, for a text that one is not sure of, what the next one reads in
place of a prediction. Those of all arrays of the batch are planned together and go the last three
steps again, so that the next network sees arrays as full as the first one did.

`read` is the first stage, `solve` the others: a batch may be read while the device solves another.

Promise: every item whose deadline has not passed is answered, quarantined, or left out because the
memory did not suffice; one bad text never harms its neighbours; an answer is tied to its item by
the item itself, never by a place in a list that somebody could shift. Where a stage fails, the
model's own samples decide who is guilty: if it cannot answer those either, no item is blamed.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from models.shapes import TOKEN_BUDGET, Shape
from schemas.batch import Batch, BatchItem
from schemas.errors import ArtifactError, TextmillError
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.record import Ending
from workers.core.endings import expired, quarantined
from workers.memory import Memory
from workers.ports import Answer

POISON = "model_error"

Given = TypeVar("Given")
Got = TypeVar("Got")


class Tokens(Protocol):
    """A parsed text; `len(ids)` is what the model will read of it."""

    @property
    def ids(self) -> Any: ...


class TextModel(Protocol):
    """What this module asks of a model; `models.live_model.LiveModel` is one."""

    @property
    def timings(self) -> Sequence[tuple[int, int, float]]:
        """What arrays took when the model was warm: `(rows, length, seconds)`."""

    @property
    def weight_bytes(self) -> int:
        """What its weights take in memory."""

    @property
    def build(self) -> str:
        """Which form of the version's network it runs, as results name it."""

    def parse(self, questions: Sequence[Question]) -> Sequence[Tokens]:
        """Text parsing: one `Tokens` for each question."""

    def shapes(self, lengths: Sequence[int], token_budget: int) -> Sequence[Shape]:
        """Cut parsed texts of these lengths into arrays of so many tokens at most, fewer where that
        suits the model."""

    def features(self, parsed: Sequence[Any], length: int, rows: int) -> Any:
        """Feature extraction: one padded array."""

    def predict(self, features: Any) -> Sequence[Any]:
        """One prediction for each text of the array, in their order; or in place of it what the
        next network reads, a `Tokens`, where this one is not sure."""

    def check_samples(self) -> None:
        """ArtifactError unless the model still gives its sample answers."""


class ModelFailedError(TextmillError):
    """The model cannot answer even its own samples; the batch is not to blame."""


class Read(NamedTuple):
    """A batch whose texts are parsed, ready for the device."""

    batch: Batch
    model: TextModel
    timely: Sequence[BatchItem]
    """The items whose deadline has not passed."""
    parsed: Sequence[Tokens] | None
    """One for each of them; None where parsing failed, which `solve` looks into."""


def read(batch: Batch, model: TextModel, now: datetime) -> Read:
    """Parse a batch's texts; from any thread, also while the model predicts. Never fails.

    Args:
        batch: the items.
        model: the version that the batch names.
        now: the time that deadlines are compared with.
    """
    # a shadow's jobs have had their answer in time
    timely = [item for item in batch.items if batch.shadow or not _is_late(item, now)]
    try:
        parsed = model.parse(_questions(timely)) if timely else []
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:  # a panic in Rust, as of a tokenizer, is no `Exception`
        parsed = None
    return Read(batch, model, timely, parsed)


class Way(NamedTuple):
    """How a batch lets others pass."""

    give: Callable[[], object]
    """Called before each array; may compute others meanwhile."""
    array_tokens: int = TOKEN_BUDGET
    """Padded tokens of an array at most, for whoever waits for its end."""


STRAIGHT: Final = Way(lambda: None)
"""Nobody passes."""


def solve(given: Read, memory: Memory, way: Way = STRAIGHT) -> tuple[list[Answer], list[Ending]]:
    """Answer a batch that is parsed; one at a time for each model.

    Args:
        given: the batch.
        memory: how large an array may be; told when one was too large.
        way: how others pass.

    Returns:
        The answers, and the endings of items that get none. An item in neither met an exhausted
        memory even when alone, and may be tried again.

    Raises:
        ModelFailedError: the model itself is broken.
    """
    timely = set(map(id, given.timely))
    endings = [expired(item) for item in given.batch.items if id(item) not in timely]
    answers: list[Answer] = []
    for item, outcome in zip(given.timely, _outcomes(given, memory, way), strict=True):
        if isinstance(outcome, Prediction):
            answers.append(Answer(item, outcome, outcome.build or given.model.build))
        elif not _is_exhaustion(outcome):
            endings.append(_poisoned(item, given.batch.version_id, outcome))
    return answers, endings


def isolate(
    given: Sequence[Given],
    run: Callable[[Sequence[Given]], Sequence[Got]],
    on_failure: Callable[[BaseException], None],
) -> list[Got | BaseException]:
    """What `run` gives, in order; in place of each element that fails even alone, its exception.

    Args:
        given: what to run over; halved where `run` raises, down to single elements.
        run: must give as many as it was given.
        on_failure: called at each failure before halving; may raise to give up.
    """
    try:
        got = run(given)
        if len(got) != len(given):
            raise ArtifactError(f"{len(got)} answers to {len(given)} questions")
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in Rust, as of a tokenizer, is no `Exception`
        on_failure(error)
        if len(given) == 1:
            return [error]
        middle = len(given) // 2
        halves = given[:middle], given[middle:]
        return [one for half in halves for one in isolate(half, run, on_failure)]
    return list(got)


def _outcomes(given: Read, memory: Memory, way: Way) -> list[Prediction | BaseException]:
    """Predict each shape: a prediction or the failure of each timely item, in order."""
    model = given.model
    check = _Suspicion(model).check
    outcomes: list[Any] = _parsed(given, check)
    while waiting := [i for i, one in enumerate(outcomes) if not isinstance(one, _ENDS)]:
        budget = min(memory.budget, way.array_tokens)
        for shape in model.shapes([len(outcomes[i].ids) for i in waiting], budget):
            indices = [waiting[i] for i in shape.indices]
            run = partial(_predict, model, shape.length, memory)
            way.give()
            predictions = isolate([outcomes[i] for i in indices], run, check)
            for index, prediction in zip(indices, predictions, strict=True):
                outcomes[index] = prediction
    return outcomes


_ENDS: Final = (Prediction, BaseException)
"""What a text is done with; anything else is what a network reads of it."""


def _parsed(given: Read, check: Callable[[BaseException], None]) -> list[Any]:
    """What parsing gave; where it failed or gave too few, tried again by halves."""
    if given.parsed is not None and len(given.parsed) == len(given.timely):
        return list(given.parsed)
    return isolate(_questions(given.timely), given.model.parse, check)


def _questions(items: Sequence[BatchItem]) -> list[Question]:
    return [Question(one.job.text, one.job.context, one.task) for one in items]


def _predict(model: TextModel, length: int, memory: Memory, parsed: Sequence[Any]) -> Sequence[Any]:
    """Feature extraction and prediction of one shape."""
    try:
        predictions = model.predict(model.features(parsed, length, len(parsed)))
    except Exception as error:
        if _is_exhaustion(error) and len(parsed) > 1:
            memory.exhausted(length * len(parsed))
        raise
    for prediction in predictions:
        if isinstance(prediction, Prediction):
            _check(prediction)
    return predictions


def _check(prediction: Prediction) -> None:
    numbers = [*prediction.scores.values(), 0.0 if prediction.score is None else prediction.score]
    if not all(math.isfinite(number) for number in numbers):
        raise ArtifactError("an answer holds a number that is not finite")


class _Suspicion:
    """Asks once for each batch whether the model or the items are to blame for failures."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._cleared = False

    def check(self, error: BaseException) -> None:
        """ModelFailedError where the model does not give its own sample answers any more."""
        if self._cleared or _is_exhaustion(error):
            return
        try:
            self._model.check_samples()
        except Exception as failure:
            raise ModelFailedError(
                f"The model fails on its own samples: {type(failure).__name__}."
            ) from failure
        self._cleared = True


def _is_exhaustion(error: object) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _is_late(item: BatchItem, now: datetime) -> bool:
    return item.job.deadline is not None and item.job.deadline < now


def _poisoned(item: BatchItem, version_id: int, error: BaseException) -> Ending:
    """Dead letter of an item that fails alone; the error's text may quote it, so only its kind."""
    detail = f"The model fails on this text: {type(error).__name__}."
    return quarantined(item, version_id, POISON, detail)
