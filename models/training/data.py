"""Labelled texts from files: JSON lines `{"text": …, "label": …}`, CSV, TSV or Parquet.

A text of a dialogue may have `context`, a list of the earlier turns, oldest first. Other fields are
passed over. Every complaint names the file and the line, because the person who must mend it sits
in front of that file.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.training.reading.corpus import Corpus, Reading
from models.training.reading.formats import OF_TEXTS
from models.training.reading.lines import BadLineError
from schemas.errors import DataError
from schemas.question import Question


class Example(msgspec.Struct, frozen=True):
    """One text with its label."""

    text: str
    label: str
    context: tuple[str, ...] = ()
    """Earlier turns of the dialogue, oldest first."""

    @property
    def question(self) -> Question:
        """What a model is asked."""
        return Question(self.text, self.context)


class Split(NamedTuple):
    """Texts whose labels a model has, and how many others were left out."""

    examples: list[Example]
    left_out: int


class _Line(msgspec.Struct, frozen=True):
    text: str
    label: str | int
    context: tuple[str, ...] = ()


def corpus(
    paths: Sequence[Path], reading: Reading | None = None, without: Collection[str] = ()
) -> Corpus[Example]:
    """Return the examples of some files, to iterate over as often as needed.

    Those with one of the labels `without` are passed over.
    """
    make = partial(_example, without=frozenset(without))
    return Corpus(paths, OF_TEXTS, _Line, make, reading or Reading())


def read(path: Path, reading: Reading | None = None) -> list[Example]:
    """Return the examples of a file; DataError names file and line."""
    return list(corpus([path], reading))


def labels_of(examples: Iterable[Example], path: Path) -> tuple[str, ...]:
    """Return the sorted labels; DataError where there is nothing to tell apart."""
    labels = tuple(sorted({example.label for example in examples}))
    if len(labels) < 2:
        raise DataError(f"{path}: a classifier needs two labels or more, this has {list(labels)}")
    return labels


def select(examples: Iterable[Example], labels: Collection[str], path: Path) -> Split:
    """Keep what a model with `labels` can be scored on; DataError where that is nothing."""
    known = set(labels)
    kept: list[Example] = []
    left_out = 0
    for example in examples:
        if example.label in known:
            kept.append(example)
        else:
            left_out += 1
    if not kept:
        raise DataError(f"{path}: none of its labels is one of the model's")
    return Split(kept, left_out)


def _example(line: _Line, without: Collection[str]) -> Example | None:
    label = str(line.label)
    if not label.strip():
        raise BadLineError("the label is empty")
    return None if label in without else Example(line.text, label, line.context)
