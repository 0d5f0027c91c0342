"""Texts with summaries from files: JSON lines `{"text": …, "summary": …}`, CSV, TSV or Parquet.

A text may have `references` beside or in place of its summary: several good summaries of the
one text. A model learns from `summary` (else from the first reference) and is scored by the nearest
of all. A text of a dialogue may have `context`, a list of the earlier turns, oldest first. Other
fields are passed over. Every complaint names the file and the line.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.training.reading.corpus import Corpus, Reading
from models.training.reading.formats import OF_TEXTS
from models.training.reading.lines import BadLineError
from schemas.question import Question


class Summarised(msgspec.Struct, frozen=True):
    """One text with its summaries."""

    text: str
    summary: str = ""
    """What a model learns to answer."""
    references: tuple[str, ...] = ()
    """Every good summary, the one above included."""
    context: tuple[str, ...] = ()
    """Earlier turns of the dialogue, oldest first."""

    @property
    def question(self) -> Question:
        """What a model is asked."""
        return Question(self.text, self.context)


def corpus(paths: Sequence[Path], reading: Reading | None = None) -> Corpus[Summarised]:
    """Return the examples of some files, to iterate over as often as needed.

    Bad lines are those that are no such example, have no text, or no summary or an empty one.
    """
    return Corpus(paths, OF_TEXTS, Summarised, _whole, reading or Reading())


def read(paths: Sequence[Path], reading: Reading | None = None) -> list[Summarised]:
    """Return the examples of some files, in their order; DataError as for `corpus`."""
    return list(corpus(paths, reading))


def _whole(line: Summarised) -> Summarised:
    summaries = (line.summary, *line.references) if line.summary else line.references
    if not line.text.strip():
        raise BadLineError("the text is empty")
    if not summaries:
        raise BadLineError(
            'a summary is missing: give "summary" or "references", or name it with --label-column'
        )
    if not all(summary.strip() for summary in summaries):
        raise BadLineError("a summary is empty")
    return Summarised(line.text, summaries[0], tuple(dict.fromkeys(summaries)), line.context)
