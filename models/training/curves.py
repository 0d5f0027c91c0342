"""The learning curve as a picture: loss by step, accuracies if any, the deciding dev score."""

from pathlib import Path

from models.training.checkpoint import Progress


def draw(progress: Progress, path: Path) -> None:
    """Write a PNG; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, quality = figure.subplots(1, 2)
    steps = [row["step"] for row in progress.train]
    loss.plot(steps, [row["loss"] for row in progress.train])
    loss.set(xlabel="step", ylabel="training loss")
    per_epoch = progress.steps / max(progress.epochs, 1)
    epochs = [row["epoch"] * per_epoch for row in progress.dev]
    deciding = "macro_f1" if progress.metric == "accuracy" else progress.metric
    for rows, at, name, score in (
        (progress.train, steps, "training", "accuracy"),
        (progress.dev, epochs, "dev", "accuracy"),
        (progress.dev, epochs, "dev", deciding),
    ):
        if all(score in row for row in rows):
            quality.plot(at, [row[score] for row in rows], label=f"{name} {score}")
    quality.set(xlabel="step", ylim=(0, 1))
    quality.legend(loc="lower right")
    figure.savefig(path, dpi=110)
