"""A search as a picture: score by speed, the Pareto front joined, the size as the dot's."""

from collections.abc import Sequence
from pathlib import Path

from models.compression.pareto import Point

_LARGEST = 300.0
"""Area of the dot of the largest version, in square points."""


def draw(points: Sequence[Point], path: Path) -> None:
    """Write a PNG; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    largest = max(one.bytes for one in points)
    for front, colour in ((True, "tab:blue"), (False, "tab:grey")):
        some = [one for one in points if one.front is front]
        sizes = [max(8.0, _LARGEST * one.bytes / largest) for one in some]
        speeds, scores = [one.ratio for one in some], [100 * one.score for one in some]
        label = "Pareto front" if front else "others"
        axes.scatter(speeds, scores, s=sizes, c=colour, alpha=0.6, label=label)
    front_points = sorted((one.ratio, 100 * one.score) for one in points if one.front)
    axes.plot(*zip(*front_points, strict=True), linewidth=1, color="tab:blue")
    for one in points:
        place = (one.ratio, 100 * one.score)
        axes.annotate(one.name, place, (4, 4), textcoords="offset points", fontsize=7)
    axes.set(xlabel="times as many texts/s", ylabel="dev score, points", title="dot: size on disk")
    axes.legend()
    figure.savefig(path, dpi=110, format="png")
