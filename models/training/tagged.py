"""Tagged sentences from JSON lines, plain or gzip'd: `{"tokens": […], "tags": […]}`.

Other fields are passed over. Every complaint names the file and the line.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.text.tags import Scheme, begins, grammar, scheme_of
from models.training.data import lines
from schemas.errors import DataError


class Sentence(msgspec.Struct, frozen=True):
    """Tokens as the corpus cuts them, and the tag of each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


class _Line(NamedTuple):
    path: Path
    number: int
    sentence: Sentence


def read(paths: Sequence[Path], rename: Mapping[str, str] | None = None) -> list[Sentence]:
    """Return the sentences of `.jsonl` or `.jsonl.gz` files, their kinds renamed.

    Raises:
        DataError: a line that is no sentence, tokens and tags of different numbers, an empty
            sentence, or a tag that may not stand where it does.
    """
    read = [line for path in paths for line in _read(path, rename or {})]
    scheme = scheme_of(sorted({tag for line in read for tag in line.sentence.tags}))
    for line in read:
        _check(line, scheme)
    return [line.sentence for line in read]


def labels_of(sentences: Iterable[Sentence], paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the sorted tags; DataError where there is nothing to tell apart."""
    labels = tuple(sorted({tag for sentence in sentences for tag in sentence.tags}))
    if len(labels) < 2:
        raise DataError(f"{paths[0]}: a tagger needs two tags or more, this has {list(labels)}")
    return labels


def known(sentences: Sequence[Sentence], labels: Sequence[str], path: Path) -> list[Sentence]:
    """Return the sentences whose tags a model has; DataError where that is none."""
    wanted = set(labels)
    kept = [sentence for sentence in sentences if wanted.issuperset(sentence.tags)]
    if not kept:
        raise DataError(f"{path}: none of its tags is one of the model's")
    return kept


def _read(path: Path, rename: Mapping[str, str]) -> list[_Line]:
    decoder = msgspec.json.Decoder(Sentence)
    read = []
    for number, line in enumerate(lines(path), start=1):
        if not line.strip():
            continue
        try:
            sentence = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path}, line {number}: {error}") from error
        tags = tuple(_renamed(tag, rename) for tag in sentence.tags)
        read.append(_Line(path, number, Sentence(sentence.tokens, tags)))
    if not read:
        raise DataError(f"{path} holds no sentences")
    return read


def _renamed(tag: str, rename: Mapping[str, str]) -> str:
    head, dash, kind = tag.partition("-")
    return head + dash + rename.get(kind, kind)


def _check(line: _Line, scheme: Scheme) -> None:
    place = f"{line.path}, line {line.number}"
    tokens, tags = line.sentence.tokens, line.sentence.tags
    if len(tokens) != len(tags):
        raise DataError(f"{place}: {len(tokens)} tokens but {len(tags)} tags")
    if not tokens:
        raise DataError(f"{place}: a sentence without tokens")
    before: str | None = None
    for at, tag in enumerate(tags):
        if not begins(before, tag, scheme):
            after = "at the beginning" if before is None else f"after {before}"
            raise DataError(f"{place}: tag {at + 1} is {tag} {after}, which no {scheme} text has")
        before = tag
    if not grammar([tags[-1]]).last[0] and scheme == "bmes":
        raise DataError(f"{place}: the last tag is {tags[-1]}, so the last word has no end")
