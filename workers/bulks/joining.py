"""The columns that a bulk job's answers become, beside those of its input. Pure.

    sentiment                         one object a row: label, score, scores, model
    sentiment_label, sentiment_score  flat: a column for each part

A document is joined to its answer by its place: where all of a piece are answered, as in a job that
is done, a column of answers is a column of the file as it came from the database.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from schemas.task import Task
from workers.output import Column
from workers.sql.row import Output

QUEUED: Final = ("QUEUED", "")
ERASED: Final = ("ERASED", "earlier_answer")
"""The row had the answer of an earlier job, which was erased since."""
_STATES: Final = {"QUEUED": "queued", "CANCELLED": "cancelled"}
_PARTS: Final = {
    Task.CLASSIFICATION: (("label", "string"), ("score", "float")),
    Task.SENTIMENT: (("label", "string"), ("score", "float")),
    Task.SUMMARIZATION: (("summary", "string"), ("score", "float")),
    Task.TAGGING: (("spans", "spans"), ("score", "float")),
}
_MODEL: Final = ("model", "string")
_output: Final = msgspec.json.Decoder(Output).decode

Missing = tuple[str, str]
"""State and reason of a document without an answer."""


class Names(NamedTuple):
    """Names of our own columns, which no column of the input has."""

    state: str
    error: str
    of_task: Mapping[Task, str]


def names_beside(columns: Sequence[str], tasks: Sequence[Task]) -> Names:
    """Names for our columns; where the input has one of such a name, ours ends in `_`, or more."""

    def own(name: str) -> str:
        while any(one == name or one.startswith(f"{name}_") for one in columns):
            name += "_"
        return name

    return Names(own("state"), own("error"), {task: own(task.value) for task in tasks})


def columns_of(names: Names, *, flat: bool) -> list[Column]:
    """Our columns, in order."""
    own = [Column(names.state), Column(names.error)]
    for task, name in names.of_task.items():
        if flat:
            own += [Column(f"{name}_{part}", kind) for part, kind in (*_PARTS[task], _MODEL)]
        else:
            own.append(Column(name, "json"))
    return own


def asked_of(task: Task, *, flat: bool) -> list[str]:
    """Columns of the database that an answer is made of, the version first."""
    first = _PARTS[task][0][0]
    said = [first] if first != "spans" else []
    has_parts = first == "spans" or (first == "label" and not flat)
    return ["model_version_id", *said, "score", *(["output"] if has_parts else [])]


def parts_of(
    task: Task, answers: Sequence[Sequence[Any]], models: Mapping[int, str], *, flat: bool
) -> dict[str, list[Any]]:
    """The parts of answers as columns, by name.

    Args:
        task: whose they are.
        answers: the columns that `asked_of` names.
        models: name and number of each version.
        flat: without the scores of other labels.
    """
    found = dict(zip(asked_of(task, flat=flat), answers, strict=True))
    outputs = [_output(one) for one in found.pop("output", ())]
    versions = found.pop("model_version_id")
    said = {name: list(values) for name, values in found.items()}
    if task is Task.TAGGING:
        said = {"spans": [msgspec.to_builtins(one.spans or ()) for one in outputs], **said}
    elif outputs:
        said["scores"] = [one.scores for one in outputs]
    return {**said, "model": [models.get(one) for one in versions]}


def nested(parts: Mapping[str, list[Any]]) -> list[Any]:
    """The parts as one object an answer."""
    names = tuple(parts)
    values = zip(*parts.values(), strict=True)
    return [dict(zip(names, one, strict=True)) for one in values]


def placed(column: list[Any], places: Sequence[int | None]) -> list[Any]:
    """A column of answers, by where the answer of each row stands; None where there is none."""
    return [None if place is None else column[place] for place in places]


def states(missing: Sequence[Missing | None]) -> tuple[list[str], list[str | None]]:
    """The columns `state` and `error` of rows, by what each of them lacks."""
    return (
        ["done" if one is None else _STATES.get(one[0], "failed") for one in missing],
        [None if one is None or one is QUEUED else " ".join(one) for one in missing],
    )
