"""The examples of several files, read anew each time somebody iterates over them.

A training goes over its files a few times (labels, vocabulary, numbers) and holds none of them, so
what it needs in memory does not grow with them. A line that is no example is told to whoever reads,
once, and left out; the others go on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from models.text.language import detect
from models.training.reading.columns import Columns
from models.training.reading.formats import Format, format_of
from schemas.errors import DataError
from schemas.model_version import Language

SAMPLE = 200
"""Examples whose language is looked at."""
_NAMES: Mapping[Language, str] = {"zh": "Chinese", "en": "English"}


class Example(Protocol):
    """What a line holds."""

    @property
    def text(self) -> str:
        """What a model reads of it."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How the files of one command are read."""

    text_column: str | None = None
    """Key or column of the text, or of the tokens; None: the task's own name."""
    label_column: str | None = None
    """Key or column of what a model should answer; None: the task's own name."""
    any_language: bool = False
    """Whether texts may be in another language than the model's."""
    on_bad_line: Callable[[DataError], None] | None = None
    """Told of a line that is no example, which is then left out; None: it ends the reading."""
    warn: Callable[[str], None] = lambda text: None
    """Told what else a person should know of the files."""


E_co = TypeVar("E_co", bound=Example, covariant=True)


class Corpus(Generic[E_co]):
    """The examples of some files, in their order.

    Iterating raises DataError for a file that cannot be read or holds no example, and, if nobody
    is told of bad lines, for the first of those.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        formats: Mapping[str, Format],
        kind: type[Any],
        make: Callable[[Any], E_co | None],
        reading: Reading,
    ) -> None:
        """
        Args:
            kind: struct that a line is decoded into; its first field is the text, its second what
                a model should answer.
            make: makes an example of it; None where it is not wanted, ValueError where it is none.
        """
        self.paths = tuple(paths)
        self._formats = [format_of(path, formats) for path in paths]
        self._make, self._reading = make, reading
        self._kind = _renamed(kind, reading)
        given = reading.text_column, reading.label_column
        self._columns = Columns.of(self._kind, given)
        self._told = (0, 0)  # file and line of the last complaint
        self._first = ""  # complaint of the present file
        self.bad_lines = 0
        """Lines that were no examples, as far as the files were read."""

    def __iter__(self) -> Iterator[E_co]:
        for number, path in enumerate(self.paths):
            found, self._first = False, ""
            for example in self._file(number):
                found = True
                yield example
            if not found:
                spoilt = f"; the first that is none: {self._first}" if self._first else ""
                if "missing required field" in spoilt:
                    spoilt += ": --text-column and --label-column name other keys"
                raise DataError(f"{path} holds no examples{spoilt}")

    def check_language(self, lang: Language) -> None:
        """Raise DataError where most of the first examples are not in this language."""
        check_language(self._texts(), lang, self.paths[0], self._reading)

    def warn_of_language(self, languages: Collection[Language]) -> None:
        """Tell whoever reads where most of the first examples are not in a model's one language."""
        for lang in languages if len(languages) == 1 else ():
            if found := _in_another_language(self._texts(), lang, self.paths[0]):
                self._reading.warn(f"{found}, but the model's language is {lang}")

    def _texts(self) -> Iterator[str]:
        return (one.text for one in self)

    def _file(self, number: int) -> Iterator[E_co]:
        path, form = self.paths[number], self._formats[number]
        decode = form.decoder(self._kind)
        for line, row in form.rows(path, self._columns):
            try:
                example = self._make(decode(row))
            except (ValueError, msgspec.MsgspecError) as error:
                self._complain((number, line), f"{path}, {form.unit} {line}: {error}")
                continue
            if example is not None:
                yield example

    def _complain(self, place: tuple[int, int], text: str) -> None:
        if self._reading.on_bad_line is None:
            raise DataError(text)
        self._first = self._first or text
        if place > self._told:
            self._told = place
            self.bad_lines += 1
            self._reading.on_bad_line(DataError(text))


def check_language(texts: Iterable[str], lang: Language, path: Path, reading: Reading) -> None:
    """Raise DataError where most of the first texts, which are of `path`, are in another language
    than they should be and nobody said that this is meant."""
    if reading.any_language:
        return
    if found := _in_another_language(texts, lang, path):
        raise DataError(
            f"{found}, but --lang is {lang}: give the other --lang, or --any-language if this is "
            "meant"
        )


def _in_another_language(texts: Iterable[str], lang: Language, path: Path) -> str:
    """Return what was found in place of this language; nothing where it was that."""
    sample = [detect(one) for one in islice(texts, SAMPLE)]
    others = sum(found != lang for found in sample)
    if 2 * others <= len(sample):
        return ""
    other = next(name for key, name in _NAMES.items() if key != lang)
    return f"{path}: {others} of the first {len(sample)} texts read as {other}"


def _renamed(kind: type[Any], reading: Reading) -> type[Any]:
    """Return `kind` with its first two fields under the names that the files use."""
    fields = msgspec.structs.fields(kind)
    wanted = (reading.text_column, reading.label_column)
    names = {one.name: other for one, other in zip(fields, wanted, strict=False) if other}
    if not names:
        return kind
    defaults = [() if one.required else (one.default,) for one in fields]
    columns: list[Any] = [
        (one.name, one.type, *default) for one, default in zip(fields, defaults, strict=True)
    ]
    return msgspec.defstruct(kind.__name__, columns, rename=names)
