"""Whoever works on the job: started one after another, killed, and watched."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bulk.command import Commands
from benchmarks.processes import Child, Use, Watch

COMPUTES = "workers.worker_process"
"""In the command line of the process that computes; the one above it starts another."""


class Crew:
    """Processes by name; what each and its descendants use is noted until it ends."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._children: dict[str, Child] = {}
        self._watches: dict[str, Watch] = {}

    def start(self, name: str, *arguments: str) -> Child:
        """Start a `textmill` command."""
        child = self._commands.start(name, *arguments)
        self._children[name] = child
        self._watches[name] = Watch({name: child.pid})
        return child

    def kill(self, name: str) -> None:
        """SIGKILL to one of them."""
        self._children.pop(name).kill()

    def kill_computing(self, name: str) -> None:
        """SIGKILL to the process that computes in a worker, which then starts another."""
        self._children[name].kill_one(COMPUTES)

    def serving(self) -> list[Child]:
        """Workers and dispatchers, which run until they are stopped."""
        return [one for name, one in self._children.items() if not name.startswith("submitter")]

    def uses(self) -> dict[str, list[Use]]:
        """By name, of those killed too."""
        return {name: watch.uses[name] for name, watch in self._watches.items()}

    def stop(self) -> None:
        """End all."""
        for child in self._children.values():
            child.stop()
        for watch in self._watches.values():
            watch.stop()


@contextmanager
def crew(commands: Commands) -> Iterator[Crew]:
    """A worker and a dispatcher."""
    one = Crew(commands)
    try:
        one.start("worker", "work", "--device", "cpu")
        one.start("dispatcher", "dispatch")
        yield one
    finally:
        one.stop()
