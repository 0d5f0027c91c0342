"""Tagged sentences from files: JSON lines `{"tokens": […], "tags": […]}`, CoNLL or Parquet.

Other fields are passed over. Every complaint names the file and the line. The scheme of the tags is
that of all but the rarest, so that one misspelt tag is a bad line and not another scheme.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from models.text.tags import Scheme, begins, grammar, scheme_of
from models.training.reading.corpus import Corpus, Reading
from models.training.reading.formats import OF_SENTENCES
from models.training.reading.lines import BadLineError
from schemas.errors import DataError

_COMMON = 0.99  # share of the tokens whose tags tell the scheme
_HEADS: Mapping[Scheme, str] = {"bio": "BIO", "bmes": "BMES"}


class Sentence(msgspec.Struct, frozen=True):
    """Tokens as the corpus cuts them, and the tag of each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def text(self) -> str:
        """The tokens with blanks between them."""
        return " ".join(self.tokens)


def corpus(
    paths: Sequence[Path],
    rename: Mapping[str, str] | None = None,
    reading: Reading | None = None,
) -> Corpus[Sentence]:
    """Return the sentences of some files, their kinds renamed, to iterate over at will.

    Bad lines are those that are no sentence, have tokens and tags of different numbers or none, or
    a tag that may not stand where it does.
    """
    reading = reading or Reading()
    renamed = partial(_sentence, rename=rename or {})
    silent = msgspec.structs.replace(reading, on_bad_line=lambda error: None)
    counts = Counter(
        tag for one in Corpus(paths, OF_SENTENCES, Sentence, renamed, silent) for tag in one.tags
    )
    checked = partial(_checked, rename=rename or {}, scheme=scheme_of(_common(counts)))
    return Corpus(paths, OF_SENTENCES, Sentence, checked, reading)


def read(paths: Sequence[Path], rename: Mapping[str, str] | None = None) -> list[Sentence]:
    """Return the sentences of some files; DataError names the first bad line."""
    return list(corpus(paths, rename))


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


def _common(counts: Counter[str]) -> list[str]:
    """Return the most frequent tags that together cover nearly all tokens."""
    tags: list[str] = []
    covered = 0
    for tag, count in counts.most_common():
        if covered >= _COMMON * counts.total():
            break
        tags.append(tag)
        covered += count
    return tags


def _sentence(line: Sentence, rename: Mapping[str, str]) -> Sentence:
    tokens, tags = line.tokens, tuple(_renamed(tag, rename) for tag in line.tags)
    if len(tokens) != len(tags):
        raise BadLineError(f"{len(tokens)} tokens but {len(tags)} tags")
    if not tokens:
        raise BadLineError("a sentence without tokens")
    return Sentence(tokens, tags)


def _checked(line: Sentence, rename: Mapping[str, str], scheme: Scheme) -> Sentence:
    sentence = _sentence(line, rename)
    before: str | None = None
    for at, tag in enumerate(sentence.tags, start=1):
        if scheme != "plain" and tag.partition("-")[0] not in tuple(_HEADS[scheme]):
            raise BadLineError(f"tag {at} is {tag}, but the others are {scheme} tags")
        if not begins(before, tag, scheme):
            after = "at the beginning" if before is None else f"after {before}"
            raise BadLineError(f"tag {at} is {tag} {after}, which no {scheme} text has")
        before = tag
    if not grammar(sentence.tags[-1:]).last[0] and scheme == "bmes":
        raise BadLineError(f"the last tag is {before}, so the last word has no end")
    return sentence


def _renamed(tag: str, rename: Mapping[str, str]) -> str:
    head, dash, kind = tag.partition("-")
    return head + dash + rename.get(kind, kind)
