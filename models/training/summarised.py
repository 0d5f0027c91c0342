"""Texts with summaries from JSON lines, plain or gzip'd: `{"text": …, "summary": …}`.

A line may have `references` beside or in place of its summary: several good summaries of the one
text. A model learns from `summary` (else from the first reference) and is scored by the nearest of
all. Other fields are passed over. Every complaint names the file and the line.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.training.data import lines
from schemas.errors import DataError


class Summarised(msgspec.Struct, frozen=True):
    """One text with its summaries."""

    text: str
    summary: str = ""
    """What a model learns to answer."""
    references: tuple[str, ...] = ()
    """Every good summary, the one above included."""


def read(paths: Sequence[Path]) -> list[Summarised]:
    """Return the examples of `.jsonl` or `.jsonl.gz` files, in their order.

    Raises:
        DataError: a line that is no such example, an empty text, no summary or an empty one, or a
            file without examples.
    """
    return [example for path in paths for example in _read(path)]


def _read(path: Path) -> list[Summarised]:
    decoder = msgspec.json.Decoder(Summarised)
    examples = []
    for number, line in enumerate(lines(path), start=1):
        if not line.strip():
            continue
        try:
            examples.append(_whole(decoder.decode(line)))
        except (msgspec.DecodeError, UnicodeDecodeError, DataError) as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    if not examples:
        raise DataError(f"{path} holds no examples")
    return examples


def _whole(line: Summarised) -> Summarised:
    summaries = (line.summary, *line.references) if line.summary else line.references
    if not line.text.strip():
        raise DataError("the text is empty")
    if not summaries:
        raise DataError('a summary is missing: give "summary" or "references"')
    if not all(summary.strip() for summary in summaries):
        raise DataError("a summary is empty")
    return Summarised(line.text, summaries[0], tuple(dict.fromkeys(summaries)))
