"""The learning curve as a picture: training loss by step, accuracies, the deciding dev score."""

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
    quality.plot(steps, [row["accuracy"] for row in progress.train], label="training accuracy")
    epochs = [row["epoch"] * per_epoch for row in progress.dev]
    quality.plot(epochs, [row["accuracy"] for row in progress.dev], label="dev accuracy")
    deciding = "macro_f1" if progress.metric == "accuracy" else progress.metric
    quality.plot(epochs, [row[deciding] for row in progress.dev], label=f"dev {deciding}")
    quality.set(xlabel="step", ylim=(0, 1))
    quality.legend(loc="lower right")
    figure.savefig(path, dpi=110)
