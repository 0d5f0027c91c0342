"""Labelled texts from JSON lines, plain or gzip'd: `{"text": …, "label": …}`.

A line of a dialogue has `"context": […]` beside them, the earlier turns, oldest first; other fields
are passed over. A file is read whole (starter corpora have some ten thousand short texts) and every
complaint names the file and the line, because the person who must mend it sits in front of that
file.
"""

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

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
    """Texts whose labels a model has, and how many other lines were left out."""

    examples: list[Example]
    left_out: int


def read(path: Path) -> list[Example]:
    """Return the examples of a `.jsonl` or `.jsonl.gz` file; DataError names file and line."""
    decoder = msgspec.json.Decoder(Example)
    examples = []
    for number, line in enumerate(lines(path), start=1):
        if not line.strip():
            continue
        try:
            examples.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    if not examples:
        raise DataError(f"{path} holds no examples")
    return examples


def read_all(paths: Sequence[Path]) -> list[Example]:
    """Return the examples of several files, in their order."""
    return [example for path in paths for example in read(path)]


def without(examples: Sequence[Example], labels: Collection[str]) -> list[Example]:
    """Return the examples whose label is not among `labels`."""
    return [example for example in examples if example.label not in labels]


def labels_of(examples: Sequence[Example], path: Path) -> tuple[str, ...]:
    """Return the sorted labels; DataError where there is nothing to tell apart."""
    labels = tuple(sorted({example.label for example in examples}))
    if len(labels) < 2:
        raise DataError(f"{path}: a classifier needs two labels or more, this has {list(labels)}")
    return labels


def select(examples: Sequence[Example], labels: Collection[str], path: Path) -> Split:
    """Keep what a model with `labels` can be scored on; DataError where that is nothing."""
    known = set(labels)
    kept = [example for example in examples if example.label in known]
    if not kept:
        raise DataError(f"{path}: none of its labels is one of the model's")
    return Split(kept, len(examples) - len(kept))


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a plain or gzip'd file; DataError where it cannot be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
