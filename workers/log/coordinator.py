"""The client's knowledge of its group's coordinator, which each poll begins with."""

from typing import Any


def ask_while_unknown(coordinator: Any) -> None:
    """Let polls take a coordinator that is known and connected as ready.

    kafka-python 3.0 asks its own thread at each poll, which is a third of what a poll costs.
    """
    ask = coordinator.ensure_coordinator_ready

    def ready(timeout_ms: float | None = None) -> bool:
        return not coordinator.coordinator_unknown() or bool(ask(timeout_ms=timeout_ms))

    coordinator.ensure_coordinator_ready = ready
