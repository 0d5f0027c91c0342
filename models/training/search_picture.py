"""A search as a picture: the score of each trial, and the scores by each parameter's value."""

from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from models.training.search import Found
from models.training.space import Range, Space

_COLUMNS = 3


def draw(found: Found, space: Space, path: Path) -> None:
    """Write a PNG; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-(len(space) + 1) // _COLUMNS)
    figure = Figure(figsize=(4 * _COLUMNS, 3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    first, *others = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    _draw_trials(first, found)
    trials = [one for one in found.trials if one.params and _score(one) is not None]
    for axes, (name, parameter) in zip(others, space.items(), strict=False):
        axes.scatter([one.params[name] for one in trials], list(map(_score, trials)), s=14)
        axes.set(xlabel=name)
        if isinstance(parameter, Range) and parameter.log:
            axes.set_xscale("log")
    for axes in others[len(space) :]:
        axes.set_axis_off()
    figure.savefig(path, dpi=110, format="png")


def _draw_trials(axes: Any, found: Found) -> None:
    for state, name in ((TrialState.COMPLETE, "trained"), (TrialState.PRUNED, "given up")):
        some = [one for one in found.trials if one.state == state and _score(one) is not None]
        axes.scatter([one.number + 1 for one in some], list(map(_score, some)), s=14, label=name)
    axes.axhline(found.score, linewidth=1, linestyle="--", color="grey")
    axes.set(xlabel="trial", ylabel=f"dev {found.metric}")
    axes.legend()


def _score(trial: FrozenTrial) -> float | None:
    """Return the score at the end, or where it was given up; None where it never began."""
    return trial.value
