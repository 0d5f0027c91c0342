"""A training on the terminal: a bar, and a line a report, on standard error."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Screen:
    """An observer of trainings; see `models.training.observer`."""

    def __init__(self) -> None:
        columns = (TextColumn("steps"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("steps", total=None)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, done: int, total: int) -> None:
        """Move the bar, which is there from the first step on: a mistake before it has no bar."""
        self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, soft_wrap=True, markup=False, highlight=False)

    def report(self, row: dict[str, float]) -> None:
        """Write a line above the bar."""
        values = (f"{key} {row[key]:.4g}" for key in row)
        self._bar.console.print(
            ("dev  " if "epoch" in row else "train  ") + "  ".join(values), soft_wrap=True
        )
