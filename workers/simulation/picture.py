"""Simulated runs as a picture: which share of the texts is answered by when, and at what cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workers.simulation.outcome import Outcome


def draw(outcomes: Mapping[str, Outcome], path: Path, target_s: float) -> None:
    """Write a PNG: a curve of latencies for each policy, and bars of throughput (by the best), of
    padding efficiency, and of what was later than `target_s`; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    curves, bars = figure.subplots(1, 2)
    _curves(curves, outcomes)
    _bars(bars, outcomes, target_s)
    figure.savefig(path, dpi=110)


def _curves(axes: Any, outcomes: Mapping[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        latencies = 1000 * np.sort(outcome.latencies_s)
        shares = np.arange(1, len(latencies) + 1) / max(len(latencies) + outcome.expired, 1)
        axes.plot(latencies, shares, label=f"{name}, {outcome.texts_per_s:,.0f} texts/s")
    axes.set(xscale="log", xlabel="latency, ms", ylabel="share of texts answered", ylim=(0, 1))
    axes.legend(loc="upper left")


def _bars(axes: Any, outcomes: Mapping[str, Outcome], target_s: float) -> None:
    best = max(outcome.texts_per_s for outcome in outcomes.values())
    kinds = {
        "texts/s, by the best": [one.texts_per_s / best for one in outcomes.values()],
        "real / padded tokens": [one.padding_efficiency for one in outcomes.values()],
        f"later than {target_s:g} s": [one.late(target_s) for one in outcomes.values()],
    }
    places = np.arange(len(outcomes))
    for number, (label, heights) in enumerate(kinds.items()):
        axes.bar(places + 0.27 * (number - 1), heights, 0.25, label=label)
    axes.set_xticks(places, list(outcomes))
    axes.set(ylim=(0, 1.25))
    axes.legend(loc="upper right", ncols=1, fontsize="small")
