"""Unlabelled texts from files, in every format that labelled ones have; what they say beside the
text is passed over.

A line has a `text` or `tokens`; one whose `lang` is another language is left out. A `.tsv` is a
table with a header, `.conll` holds sentences.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from models.training.reading.corpus import Corpus, Reading, check_language
from models.training.reading.formats import OF_SENTENCES, OF_TEXTS
from models.training.reading.lines import BadLineError
from models.training.tagged import Sentence
from schemas.errors import DataError
from schemas.model_version import Language


class _Line(msgspec.Struct, frozen=True):
    text: str | None = None
    tokens: tuple[str, ...] = ()
    lang: str | None = None


class _Text(NamedTuple):
    text: str
    lang: str | None


class Unlabelled:
    """The texts of some files in one language, read anew at each iteration.

    Iterating raises DataError for a file that cannot be read, for files without any such text,
    and, if nobody is told of bad lines, for the first of those.
    """

    def __init__(self, paths: Sequence[Path], lang: Language, reading: Reading) -> None:
        self._paths, self._lang = paths, lang
        self._blank = "" if lang == "zh" else " "
        reading = msgspec.structs.replace(reading, label_column=None)
        self._files = [self._file(path, reading) for path in paths]

    def __iter__(self) -> Iterator[str]:
        found = False
        for one in (one for file in self._files for one in file):
            if one.lang in (None, self._lang):
                found = True
                yield one.text
        if not found:
            raise DataError(f"{self._paths[0]}: none of its texts is said to be in {self._lang}")

    def _file(self, path: Path, reading: Reading) -> Corpus[_Text]:
        sentences = path.name.removesuffix(".gz").endswith(".conll")
        formats, kind = (OF_SENTENCES, Sentence) if sentences else (OF_TEXTS, _Line)
        return Corpus([path], formats, kind, self._made, reading)

    def _made(self, line: Any) -> _Text:
        text = None if isinstance(line, Sentence) else line.text
        if text is None and not line.tokens:
            raise BadLineError("neither a text nor tokens: name the texts with --text-column")
        said = self._blank.join(line.tokens) if text is None else text
        return _Text(said, None if isinstance(line, Sentence) else line.lang)


def read(paths: Sequence[Path], lang: Language, reading: Reading | None = None) -> Unlabelled:
    """Return the texts of some files, to iterate over as often as needed.

    Raises DataError where most of the first of them are in another language.
    """
    reading = reading or Reading()
    texts = Unlabelled(paths, lang, reading)
    check_language(texts, lang, paths[0], reading)
    return texts
