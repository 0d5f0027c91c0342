"""Pictures of results, as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Series = Mapping[str, Sequence[tuple[float, float]]]
"""Points by name of the line."""


def bars(path: Path, title: str, values: Mapping[str, float | None], unit: str) -> None:
    """Horizontal bars, the longest on top; what is None is left out."""
    pairs = sorted((value, name) for name, value in values.items() if value is not None)
    figure, axes = _new(title)
    drawn = axes.barh([name for _, name in pairs], [value for value, _ in pairs])
    axes.bar_label(drawn, fmt="{:,.0f}", padding=3)
    axes.set_xlabel(unit)
    _save(figure, path)


def lines(
    path: Path,
    title: str,
    series: Series,
    x: str,
    y: str,
    *,
    logarithmic: bool = False,
    marks: Sequence[tuple[float, str]] = (),
) -> None:
    """One line a series; `logarithmic`: both axes; `marks`: moments on x with what happened."""
    figure, axes = _new(title)
    for at, what in marks:
        axes.axvline(at, color="grey", linewidth=0.7, linestyle=":")
        axes.annotate(what, (at, 1), xycoords=("data", "axes fraction"), rotation=90, va="top")
    for name, points in series.items():
        axes.plot([px for px, _ in points], [py for _, py in points], marker=".", label=name)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if len(series) > 1:
        axes.legend()
    _save(figure, path)


def _new(title: str) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    axes.set_title(title)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
