"""That a text has one answer, alone and in every shape of the grid.

Each network of a version runs on any padded array. Tried are, for every length of the grid, all row
counts up to `SMALL` padded tokens and the most rows that an array may have; each array holds texts
of that length and shorter ones, which padding must not touch. A version that is slow is tried in
fewer shapes, and the report says in how many.
"""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, Final, Protocol

from models.answering.answerer import Parsed
from models.shapes import LENGTHS, ROWS, TOKEN_BUDGET, bucket
from schemas.errors import ArtifactError
from schemas.prediction import Prediction
from schemas.question import Question

SMALL: Final = 1024
"""Padded tokens up to which every shape is tried; above, only the largest of each length."""
LEAST: Final = 6
"""Shapes that are tried however long it takes."""
SHARES: Final = (1.0, 0.7, 0.5, 0.2)
"""How much of an array's length its texts fill, in turn."""


class Model(Protocol):
    """What is asked of a loaded version: `models.live_model.LiveModel`."""

    @property
    def tolerance(self) -> float:
        """How far two scores of one text may lie apart."""

    def parse(self, questions: Sequence[Question]) -> list[Any]:
        """Tokenise."""

    def features(self, parsed: Sequence[Any], length: int, rows: int) -> Any:
        """Pad."""

    def predict(self, features: Any) -> list[Prediction]:
        """Answer."""

    def agree(self, one: Prediction, other: Prediction) -> bool:
        """Whether two answers to one text are the same."""


def grid(longest: int) -> Iterator[tuple[int, int]]:
    """Yield the shapes to try, as (length, rows), for a longest input of so many tokens."""
    for length in LENGTHS:
        most = max(rows for rows in ROWS if rows * length <= TOKEN_BUDGET)
        yield from ((length, rows) for rows in ROWS if rows * length <= SMALL or rows == most)
        if length >= longest:
            return


def check(
    model: Model, questions: Sequence[Question], longest: int, within_s: float = 8.0
) -> tuple[int, int]:
    """Compare shapes with the answers of each text alone; returns how many of how many were tried.

    Args:
        model: a loaded version.
        questions: texts of all lengths.
        longest: the version's longest input, in tokens.
        within_s: after so many seconds no more are tried, but the `LEAST` that come first.

    Raises:
        ArtifactError: an answer differs, or is not finite.
    """
    parsed = [one for one in model.parse(questions) if len(one.pieces) == 1]
    shapes, began = _important_first(list(grid(longest))), perf_counter()
    alone: dict[int, tuple[list[Parsed], list[Prediction]]] = {}
    for number, (length, rows) in enumerate(shapes):
        if number >= LEAST and perf_counter() - began > within_s:
            return number, len(shapes)
        if length not in alone:
            texts = _filling(parsed, length)
            alone[length] = texts, [_alone(model, one) for one in texts]
        _compare(model, *alone[length], (length, rows))
    return len(shapes), len(shapes)


def _important_first(shapes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Short, long and middling texts, few and as many as may be, then the rest."""
    lengths = sorted({length for length, _ in shapes})
    some = dict.fromkeys((lengths[0], lengths[-1], lengths[len(lengths) // 2]))
    rows = {one: [rows for length, rows in shapes if length == one] for one in some}
    first = [(one, rows[one][at]) for one in some for at in (min(2, len(rows[one]) - 1), -1)]
    return list(dict.fromkeys(first + list(shapes)))


def _filling(parsed: Sequence[Parsed], length: int) -> list[Parsed]:
    """For each share of the length the text that fills it best."""
    fit = [one for one in parsed if len(one.ids) <= length] or [min(parsed, key=_tokens)]
    return [
        max((one for one in fit if _tokens(one) <= share * length), key=_tokens, default=fit[0])
        for share in SHARES
    ]


def _tokens(one: Parsed) -> int:
    return len(one.ids)


def _alone(model: Model, one: Parsed) -> Prediction:
    (answer,) = model.predict(model.features([one], bucket(len(one.ids), LENGTHS), 1))
    return answer


def _compare(
    model: Model, texts: Sequence[Parsed], alone: Sequence[Prediction], shape: tuple[int, int]
) -> None:
    length, rows = shape
    length = max(length, *map(_tokens, texts))
    some = [row % len(texts) for row in range(rows)]
    answers = model.predict(model.features([texts[number] for number in some], length, rows))
    for number, answer in zip(some, answers, strict=True):
        if not model.agree(alone[number], answer):
            raise ArtifactError(
                f"in an array of {rows} texts of {length} tokens a text has another answer than "
                f"alone: scores differ by more than {model.tolerance:g}, or labels or tags do"
            )
