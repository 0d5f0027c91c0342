"""A model that reads no text: for measuring everything around a model.

    textmill work --model null          answers at once
    textmill work --model null:4,2.5    sleeps 4 ms a padded array and 2.5 µs a padded token of it,
                                        as a GPU would compute while the processor is free

It stands in for every version, so its rows name models that never saw the text: use it with a
database of its own. A text has one token for each blank-separated word, and the label `null-0` to
`null-7` by its checksum, so that rows can be compared between runs.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from models.shapes import Shape, plan
from schemas.errors import UsageError
from schemas.prediction import Prediction
from schemas.question import Question
from workers.ports import ModelVersion

LABELS = tuple(f"null-{number}" for number in range(8))


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulated device takes for one padded array: `call_s + token_s * rows * length`."""

    call_s: float = 0.0
    token_s: float = 0.0


class Counted(NamedTuple):
    """A parsed text: only its length is known, and what its answer will be."""

    ids: range
    label: str


class Padded(NamedTuple):
    """An array that was never made."""

    texts: Sequence[Counted]
    tokens: int
    """Padded ones: rows x length."""


class NullModel:
    """See `workers.inference.TextModel`."""

    weight_bytes = 0
    build = "null"
    timings: Sequence[tuple[int, int, float]] = ()

    def __init__(self, cost: Cost, sleep: Callable[[float], None] = time.sleep) -> None:
        self._cost = cost
        self._sleep = sleep

    def parse(self, questions: Sequence[Question]) -> list[Counted]:
        """Count the words."""
        return [_counted(question.text) for question in questions]

    def shapes(self, lengths: Sequence[int], token_budget: int) -> list[Shape]:
        """Cut as for most networks."""
        return plan(lengths, token_budget)

    def features(self, parsed: Sequence[Counted], length: int, rows: int) -> Padded:
        """Note the size."""
        return Padded(parsed, length * rows)

    def predict(self, features: Padded) -> list[Prediction]:
        """Sleep as long as the device would compute, then answer."""
        seconds = self._cost.call_s + self._cost.token_s * features.tokens
        if seconds:
            self._sleep(seconds)
        return [
            Prediction(tokens=len(one.ids), label=one.label, score=1.0) for one in features.texts
        ]

    def check_samples(self) -> None:
        """There are none."""


def cost_of(name: str) -> Cost:
    """The cost that `null` or `null:MS,US` states: milliseconds an array, microseconds a token.

    Raises:
        UsageError: it is neither.
    """
    kind, _, numbers = name.partition(":")
    try:
        call_ms, token_us = map(float, numbers.split(",")) if numbers else (0.0, 0.0)
    except ValueError:
        call_ms = token_us = -1.0
    if kind != "null" or not (0 <= call_ms < 60_000 and 0 <= token_us < 60_000):
        raise UsageError(
            f"`--model {name[:40]}` is not known: write `null`, or `null:4,2.5` for a device that "
            "takes 4 ms an array and 2.5 µs a token. Registered models are loaded without it."
        )
    return Cost(call_s=call_ms / 1e3, token_s=token_us / 1e6)


def loader(name: str) -> Callable[[ModelVersion], NullModel]:
    """What `workers.loaded_models.Load` asks for: the same model for every version.

    Raises:
        UsageError: see `cost_of`.
    """
    model = NullModel(cost_of(name))
    return lambda version: model


def _counted(text: str) -> Counted:
    checksum = zlib.crc32(text.encode())
    return Counted(range(text.count(" ") + 1), LABELS[checksum % len(LABELS)])
