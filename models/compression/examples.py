"""Labelled texts for a version that exists: those whose labels it has, some of them held out.

They are read from files of every format and written as JSON lines under the names that a training
looks for, so that whoever counts texts later, teachers beside their student, counts the same ones.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from models.text.tags import synonyms_for
from models.training import data, summarised, tagged
from models.training.data import Example
from models.training.reading.corpus import Corpus, Reading
from models.training.tagged import Sentence
from schemas.errors import DataError
from schemas.model_version import Manifest
from schemas.task import Task

HELD_OUT = 10
"""Without files of their own, one text in so many is for scores alone."""


class Split(NamedTuple):
    """The files of one compression, JSON lines."""

    train: Path
    dev: Path


def split(
    manifest: Manifest,
    train: Sequence[Path],
    dev: Sequence[Path],
    reading: Reading,
    folder: Path,
) -> Split:
    """Write the texts whose labels a version has into `folder`.

    Without `dev` files every tenth text of `train` is held out. Raises DataError where nothing is
    left to learn from or to score.
    """
    given = Split(folder / "train.jsonl", folder / "dev.jsonl")
    learnt = enumerate(_known(manifest, train, reading), start=1)
    step = 0 if dev else HELD_OUT
    with given.train.open("wb") as ours, given.dev.open("wb") as held:
        for number, one in learnt:
            (held if step and number % step == 0 else ours).write(_line(one))
        for one in _known(manifest, dev, reading) if dev else ():
            held.write(_line(one))
    if not all(path.stat().st_size for path in given):
        raise DataError(f"{train[0]}: too few texts to learn from and to score: give --dev too")
    return given


def write(path: Path, lines: Iterable[Any]) -> None:
    """Write examples as JSON lines."""
    with path.open("wb") as file:
        for line in lines:
            file.write(_line(line))


def corpus(manifest: Manifest, paths: Sequence[Path], reading: Reading) -> Corpus[Any]:
    """Return the examples of some files as the version's task has them."""
    if manifest.task is Task.TAGGING:
        return tagged.corpus(paths, synonyms_for(manifest.labels), reading)
    if manifest.task is Task.SUMMARIZATION:
        return summarised.corpus(paths, reading)
    return data.corpus(paths, reading)


def _known(manifest: Manifest, paths: Sequence[Path], reading: Reading) -> Iterable[Any]:
    examples = corpus(manifest, paths, reading)
    examples.warn_of_language(manifest.languages)
    labels, left_out = set(manifest.labels), 0
    for one in examples:
        if labels.issuperset(_labels(one)):
            yield one
        else:
            left_out += 1
    if left_out:
        reading.warn(f"{paths[0]}: {left_out} texts are left out whose labels the model lacks")


def _line(one: Any) -> bytes:
    return msgspec.json.encode(one) + b"\n"


def _labels(one: Any) -> Iterable[str]:
    if isinstance(one, Example):
        return (one.label,)
    return one.tags if isinstance(one, Sentence) else ()
