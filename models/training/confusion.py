"""Which label was answered where another was right: a table, and a picture of it.

A picture of 150 labels cannot be read, so beyond `MOST` labels those are shown that are most often
taken for another or another for them. Tags are counted by their kind (`B-PER` and `I-PER` are both
`PER`), because the borders of a stretch are another question than its kind.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.training.objectives import Decided, Labels, Tags

MOST = 24
"""Labels that can still be read in one picture."""
_BOXES = "Last Resort"
"""A font of Matplotlib's that has a box for every character."""


class Confusion(NamedTuple):
    """How often each label was answered [right label, answered label]."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]


def of(objective: Labels | Tags, decided: Decided, labels: Sequence[str]) -> Confusion:
    """Count what was decided."""
    if isinstance(objective, Tags):
        return count_kinds(*objective.named(decided), labels)
    gold = np.concatenate([batch.labels for batch, _ in decided])
    return count(gold, np.concatenate([numbers for _, numbers in decided]), labels)


def count(gold: ArrayLike, said: ArrayLike, labels: Sequence[str]) -> Confusion:
    """Count pairs of label numbers."""
    size = len(labels)
    pairs = np.asarray(gold, np.int64) * size + np.asarray(said, np.int64)
    return Confusion(tuple(labels), np.bincount(pairs, minlength=size * size).reshape(size, size))


def count_kinds(
    gold: Sequence[Sequence[str]], said: Sequence[Sequence[str]], tags: Sequence[str]
) -> Confusion:
    """Count the tags of tokens by their kind."""
    kinds = sorted({_kind(tag) for tag in tags})
    number = {tag: kinds.index(_kind(tag)) for tag in tags}
    right, answered = (
        [number[tag] for sentence in one for tag in sentence] for one in (gold, said)
    )
    return count(right, answered, kinds)


def most_confused(confusion: Confusion, most: int = MOST) -> Confusion:
    """Return the part of the table with the labels that have most errors, in their order."""
    counts = confusion.counts
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    kept = np.sort(np.argsort(-errors, kind="stable")[:most])
    return Confusion(tuple(confusion.labels[number] for number in kept), counts[np.ix_(kept, kept)])


def draw(confusion: Confusion, path: Path) -> None:
    """Write a PNG: shares of each right label, with the counts; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = most_confused(confusion)
    total, size = len(confusion.labels), len(shown.labels)
    side = 3 + 0.36 * size
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    share = shown.counts / np.maximum(_rows(confusion, shown), 1)[:, None]
    figure.colorbar(axes.imshow(share, cmap="Blues", vmin=0, vmax=1), label="share of the row")
    for row, column in np.argwhere(shown.counts):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{shown.counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    _name(axes, shown.labels, confusion.labels)
    title = "dev" if size == total else f"dev: the {size} most confused of {total} labels"
    axes.set(xlabel="answered", ylabel="right", title=title)
    figure.savefig(path, dpi=110)


def _kind(tag: str) -> str:
    return tag.partition("-")[2] or tag


def _rows(confusion: Confusion, shown: Confusion) -> NDArray[np.int64]:
    """Return how many items are rightly of each label that is shown."""
    sums = dict(zip(confusion.labels, confusion.counts.sum(axis=1), strict=True))
    return np.array([sums[label] for label in shown.labels])


def _name(axes: Any, labels: Sequence[str], all_labels: Sequence[str]) -> None:
    """Write the labels at both axes, in a font that has them; else their numbers."""
    font = font_for("".join(labels))
    if font is None:
        labels = [f"label {all_labels.index(label)}" for label in labels]
        font = "DejaVu Sans"
    places, style = range(len(labels)), {"fontsize": 8, "family": font, "parse_math": False}
    axes.set_xticks(places, labels, rotation=90, **style)
    axes.set_yticks(places, labels, **style)


def font_for(text: str) -> str | None:
    """Return the name of a font that has every character of `text`; None where none has.

    Matplotlib's own font comes first, then those of the system by name.
    """
    from matplotlib import font_manager, ft2font

    wanted = {ord(character) for character in text}
    known = (font for font in font_manager.fontManager.ttflist if _BOXES not in font.name)
    fonts = sorted(known, key=lambda font: font.name)
    for font in sorted(fonts, key=lambda font: font.name != "DejaVu Sans"):
        if font.style == "normal" and wanted <= ft2font.FT2Font(font.fname).get_charmap().keys():
            return str(font.name)
    return None
