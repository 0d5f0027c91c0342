"""The light parent of `textmill work` and `textmill serve`: starts processes, restarts the dead,
ends those that hang, and lets all of them drain when it is told to stop.

It sets the environment a process needs before that process exists, and never imports TensorFlow:
a process that did could not fork safely, and would hold every GPU. One line on stderr for each
event. Should it be killed itself, the system tells its children (`workers.child`).
"""

import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec

from schemas import groups
from schemas.settings import Settings
from workers import readiness
from workers.device import Device, environment, parse, this_machine
from workers.null_model import cost_of
from workers.supervised import Program
from workers.supervised_child import Child, Say, say_on_stderr

_TICK_S = 0.1


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """Which workers to run, as a person wrote it."""

    devices: str = "cpu"
    """See `workers.device`."""
    group: str = ""
    """The model group that they serve; empty: every model that is in none."""
    model: str = ""
    """`null` for workers without models (`workers.null_model`); empty: with."""


_ANY = Crew()


def supervise_workers(settings: Settings, crew: Crew) -> int:
    """Run one worker process for each device until told to stop; returns an exit code.

    Raises:
        UsageError: the machine has no such devices, or there is no such group or model.
    """
    with tempfile.TemporaryDirectory(prefix="textmill-") as directory:
        return _supervisor(settings, _workers(settings, crew, Path(directory))).run()


def supervise_all(settings: Settings, crew: Crew) -> int:
    """The same with a dispatcher beside the workers.

    Raises:
        UsageError: as `supervise_workers`.
    """
    with tempfile.TemporaryDirectory(prefix="textmill-") as directory:
        workers = _workers(settings, crew, Path(directory))
        return _supervisor(settings, [dispatcher_program(Path(directory)), *workers]).run()


def _workers(settings: Settings, crew: Crew, directory: Path) -> list[Program]:
    devices = parse(crew.devices, this_machine())
    groups.share_of(groups.parse(settings.worker.groups), crew.group)
    if crew.model:
        cost_of(crew.model)
    return worker_programs(settings, devices, directory, crew)


def dispatcher_program(directory: Path) -> Program:
    """The dispatcher's process; it says in `directory` that it is ready."""
    ready = directory / "dispatcher-ready"
    return Program(
        name="dispatcher",
        command=(sys.executable, "-c", "from workers.cli import main; main()", "dispatch"),
        environment={readiness.VARIABLE: str(ready)},
        ready=ready,
        stop_first=True,
    )


def worker_programs(
    settings: Settings, devices: Sequence[Device], directory: Path, crew: Crew = _ANY
) -> list[Program]:
    """The worker processes for these devices; their pulses lie in `directory`."""
    told = {"--group": crew.group, "--model": crew.model}
    further = [word for option in told.items() if option[1] for word in option]
    return [
        Program(
            name=f"worker {device.name}",
            command=(
                *(sys.executable, "-m", "workers.worker_process"),
                *("--device", device.name, "--pulse", str(directory / f"pulse-{number}")),
                *("--number", str(number)),
                *further,
            ),
            environment=environment(device, settings.worker.threads),
            cores=device.cores,
            pulse=directory / f"pulse-{number}",
        )
        for number, device in enumerate(devices)
    ]


def _supervisor(settings: Settings, programs: Sequence[Program]) -> "Supervisor":
    lease_s = settings.dispatch.lease_s
    return Supervisor(programs, hung_after_s=2 * lease_s, drain_s=lease_s + 10)


class Supervisor:
    """Keeps programs running until SIGTERM or SIGINT; a second one does not wait for draining."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        hung_after_s: float,
        drain_s: float,
        say: Say = say_on_stderr,
    ) -> None:
        """
        Args:
            programs: what to keep running.
            hung_after_s: a batch that runs for longer, or a silence of so long, is a hang.
            drain_s: how long a process may take to end after SIGTERM.
            say: told of each event, in a line.
        """
        self._children = [Child(program, hung_after_s, drain_s, say) for program in programs]
        self._say = say
        self._signals = 0
        self._exit_code = 0

    def run(self) -> int:
        """Run; returns 0 after a wanted end, else the exit code of the program that gave up."""
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            while not self._tick(time.monotonic()):
                time.sleep(_TICK_S)
        finally:
            for child in self._children:
                child.kill()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._exit_code

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _tick(self, now: float) -> bool:
        """Look after every child once; True when all have ended for good."""
        for child in self._children:
            child.look(now)
        given_up = [child.gave_up for child in self._children if child.gave_up]
        if given_up and not self._exit_code:
            self._exit_code = given_up[0]
        if self._signals or given_up:
            self._stop(now)
        return all(child.ended for child in self._children)

    def _stop(self, now: float) -> None:
        for child in self._children:
            if self._signals > 1:
                child.kill()
        first = [child for child in self._children if child.program.stop_first]
        for child in first if any(not c.ended for c in first) else self._children:
            child.stop(now)
