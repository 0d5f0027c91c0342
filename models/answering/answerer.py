"""The seam between `LiveModel`, which is the same for every task, and a kind of head."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from models.text.tokenizer import Ids
from models.windows import Window
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.task import Task

TOLERANCE = 1e-4
"""How far two probabilities of the same text may lie apart."""


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """One text as the model sees it."""

    ids: Ids
    """int32, [tokens] or [tokens, columns], cut to what is read; at least one."""
    tokens: int
    """True length in tokens, before the cut."""
    truncated: bool
    windows: tuple[Window, ...] = ()
    """The stretches of `ids` that are read one by one; none where all is read at once."""
    task: Task | None = None
    """Which answer of a joint version is wanted; None where there is only one."""
    stage: int = 0
    """Which of a version's networks reads it, where several do: those before were not sure."""
    asked: Any = None
    """What was asked, for a network that reads it in its own way; None: nobody asks again."""

    @property
    def pieces(self) -> list[Ids]:
        """What is read at once: the rows that the text has in an array."""
        return [self.ids[start:end] for start, end in self.windows] or [self.ids]


def cut(parsed: Parsed, length: int) -> Parsed:
    """Return the beginning of a text, at most `length` tokens, as one that is read at once."""
    return msgspec.structs.replace(parsed, ids=parsed.ids[:length], windows=())


class Judged(NamedTuple):
    """An answer, and how sure a network is of it."""

    answer: Prediction
    confidence: float
    """From 0 to 1."""


class Answerer(Protocol):
    """Parses texts for a network and reads its answers.

    An answerer that never gives a `Parsed` windows is never asked to stitch.
    """

    arrays: int
    """How many arrays `run` gives."""
    run: Any
    """The traced function: padded ids -> a tuple of arrays, one row a text or window."""

    def read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        """Return what `run` does, of a network of the same kind; to be traced.

        Architecture and labels alone decide it: versions alike in both share the trace
        (`models.traces`).
        """

    def parse(self, questions: Sequence[Question]) -> list[Any]:
        """Return a `Parsed` for each question; any `str` has one."""

    def stitch(self, outputs: Sequence[Any], parsed: Any) -> Sequence[Any]:
        """Return the outputs of one text, one row each, from those of its windows."""

    def decode(self, outputs: Sequence[Any], parsed: Sequence[Any]) -> list[Prediction]:
        """Return the answer of each row; every output has as many rows as there are texts."""

    def agree(self, one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
        """Whether two answers to the same text are the same within `tolerance`."""


@runtime_checkable
class Judge(Answerer, Protocol):
    """An answerer that knows how sure its network is, which a cascade asks of its cheap one."""

    def judge(self, outputs: Sequence[Any], parsed: Sequence[Any]) -> list[Judged]:
        """Decode, and say of each answer how sure the network is."""
