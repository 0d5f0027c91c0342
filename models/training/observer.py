"""Who is told how a training goes: a terminal, files, or nobody."""

from typing import Protocol


class Observer(Protocol):
    """What the loop says; it prints nothing itself."""

    def step(self, done: int, total: int) -> None:
        """One batch was learnt; counts are steps of the whole training."""

    def report(self, row: dict[str, float]) -> None:
        """Loss and scores over the steps since the last report, or of dev, which has `epoch`; of a
        teacher where it has its number, as `teacher`."""


class Silent:
    """An observer that shows nothing."""

    def step(self, done: int, total: int) -> None:
        """Show nothing."""

    def report(self, row: dict[str, float]) -> None:
        """Show nothing."""
