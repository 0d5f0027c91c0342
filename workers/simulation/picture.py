"""The latencies of simulated runs as a picture: which share of the texts is answered by when."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from workers.simulation.outcome import Outcome


def draw(outcomes: Mapping[str, Outcome], path: Path) -> None:
    """Write a PNG with a curve for each policy; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, outcome in outcomes.items():
        latencies = 1000 * np.sort(outcome.latencies_s)
        shares = np.arange(1, len(latencies) + 1) / len(latencies)
        axes.plot(latencies, shares, label=f"{name}, {outcome.texts_per_s:,.0f} texts/s")
    axes.set(xscale="log", xlabel="latency, ms", ylabel="share of texts answered", ylim=(0, 1))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)
