"""What a student reads beside what its teachers believe of it, all of it once on disk.

Labelled texts come first, in their course's order, then raw ones. A tagger learns of a raw text
only where student and teachers cut it into as many units, so that each belief has its place.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.answering import reading
from models.catalog import EncoderConfig, features_of
from models.compression.soft import NO_LABEL, Given
from models.compression.teachers import Asked, Belief, Teacher
from models.text.features import columns
from models.text.tokenizer import Ids
from models.text.words import WordTokenizer
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses import Course
from models.training.spool import Spool
from schemas.question import Question

_CHUNK = 256
"""Texts that are encoded together."""

Row = list[Ids]
"""Ids, beliefs and, where they are matched, features, the last two float32 seen as int32."""


def lesson(
    course: Course,
    config: Config,
    teachers: Sequence[Teacher],
    labelled: Iterable[Asked],
    raw: Iterable[str],
    folder: Path,
) -> Encoded:
    """Return the texts of a course and raw ones, with beliefs beside each batch (`soft.Given`).

    `labelled` are the course's own texts in its order; both are gone over once for each teacher.
    """
    matched = config.distil.hidden > 0
    known = _rows(course.train.ids, labelled, teachers, matched)
    units = isinstance(course.tokenizer, WordTokenizer)
    read = _read(raw, course.tokenizer, config.encoder)
    others = (row for row in _rows(read, raw, teachers, matched) if not units or _fit(row))
    longest = config.encoder.length
    cut = (_cut(row, longest, units) for row in chain(known, others))
    ids, *beside = Spool.of_rows(cut, 2 + matched, folder)
    count = len(course.train.ids)
    labels = _labels(course.train, ids.lengths[count:], folder)
    noise = Given(beside, config.fit.hide_tokens)
    if len(ids) == count:
        return Encoded(ids, labels, noise=noise)
    groups = np.repeat(np.arange(2), (count, len(ids) - count))
    return Encoded(ids, labels, groups, (1.0, 1.0), noise)


def _rows(
    read: Iterable[Ids], asked: Iterable[Asked], teachers: Sequence[Teacher], matched: bool
) -> Iterator[Row]:
    told = zip(*(one.believe(iter(asked)) for one in teachers), strict=True)
    for ids, beliefs in zip(read, told, strict=True):
        yield [ids, _seen(_mean(beliefs)), *([_seen(_beside(beliefs))] if matched else [])]


def _mean(beliefs: Sequence[Belief]) -> NDArray[np.float32]:
    """Return the mean belief of all teachers; nothing where they cut a text differently."""
    if len({len(one.labels) for one in beliefs}) > 1:
        return np.zeros((0, beliefs[0].labels.shape[-1]), np.float32)
    mean: NDArray[np.float32] = np.mean([one.labels for one in beliefs], axis=0, dtype=np.float32)
    return mean


def _beside(beliefs: Sequence[Belief]) -> NDArray[np.float32]:
    least = min(len(one.features) for one in beliefs)
    if beliefs[0].features.ndim == 1:
        return np.concatenate([one.features for one in beliefs])
    return np.concatenate([one.features[:least] for one in beliefs], axis=-1)


def _seen(floats: NDArray[np.float32]) -> Ids:
    """Return the bits as a spool keeps them."""
    return np.ascontiguousarray(floats).view(np.int32)


def _fit(row: Row) -> bool:
    return len(row[0]) == len(row[1])


def _cut(row: Row, longest: int, units: bool) -> Row:
    return [one[:longest] for one in row] if units else [row[0][:longest], *row[1:]]


def _labels(train: Encoded, lengths: NDArray[np.int64], folder: Path) -> Any:
    """Return the labels of a course and, for so many texts of these lengths, none."""
    if isinstance(train.labels, np.ndarray):
        return np.concatenate([train.labels, np.full(len(lengths), NO_LABEL, np.int32)])
    none = (np.full(length, NO_LABEL, np.int32) for length in lengths)
    return Spool(chain(train.labels, none), folder)


def _read(texts: Iterable[str], tokenizer: Any, encoder: EncoderConfig) -> Iterator[Ids]:
    """Yield the student's ids of raw texts, uncut."""
    if isinstance(tokenizer, WordTokenizer):
        features = features_of(encoder)
        for text in texts:
            yield columns([one.form for one in tokenizer.split(text)], tokenizer, features)
        return
    asked = map(Question, texts)
    while chunk := list(islice(asked, _CHUNK)):
        yield from (one.ids for one in reading.parse(chunk, tokenizer, encoder))
