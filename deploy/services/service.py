"""What a server is to us: started, answering, stopped; killed, frozen and brought back.

The base class knows processes, directories and deadlines. It does not know what the server is:
a subclass says how its directory is laid out, which command runs it, and what counts as an answer.

Promises: `start` returns only when the server really answers, and on a running server changes
nothing; `kill` and a later `start` keep port and data; `stop` leaves no process, and no directory
if the directory was temporary.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Self

from deploy.services import directories
from deploy.services.ports import free_port
from deploy.services.process import Process, spawn, wait_gone

_START_S = 90.0  # a cold Java on a laden two-core machine needs 20
_KILL_S = 10.0
_POLL_S = 0.03
_LOG_TAIL = 20


class ServiceError(RuntimeError):
    """A server did not do what it must.

    ServiceError
    └── ServiceMissingError    its program is not on this machine; the message says what to install
    """


class ServiceMissingError(ServiceError):
    """A server's program is not installed."""


class Service(ABC):
    """One server process on 127.0.0.1."""

    name: ClassVar[str]
    default_port: ClassVar[int]
    """Where a developer expects it."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_patience_s: ClassVar[float] = 15.0
    """How long `stop` waits for a good end before it kills."""
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL
    """What the kernel sends to a tied server when we die."""

    def __init__(
        self,
        *,
        directory: Path | None = None,
        port: int | None = None,
        tied: bool = True,
        durable: bool = False,
    ) -> None:
        """directory: where its data lasts; None: a temporary one, removed by `stop`.
        port: None: a free one, drawn now and kept for good.
        tied: it dies with this process.
        durable: its data survives the machine's death too, not only the server's (slower).
        """
        self.port = free_port() if port is None else port
        self.durable = durable
        self._lasting = directory
        self._temporary: Path | None = None
        self._tied = tied
        self._child: subprocess.Popen[bytes] | None = None
        self.process: Process | None = None

    # What a subclass says.

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client of this server is configured with."""

    @abstractmethod
    def prepare(self) -> None:
        """Lay out the data directory if that was not done; write the configuration."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command that becomes the server. Raises ServiceMissingError."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves a real request now."""

    @property
    def user(self) -> str | None:
        """Whose rights it runs with; None: ours."""
        return None

    # What every server can do.

    @property
    def directory(self) -> Path:
        """Where its data is; a temporary one is made when first asked for."""
        if self._lasting is not None:
            return self._lasting
        if self._temporary is None:
            self._temporary = directories.temporary(self.name)
        return self._temporary

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def running(self) -> bool:
        return self.process is not None and self.process.alive()

    def start(self) -> str:
        """Start it unless it runs, wait until it answers, and return its url.

        Raises ServiceMissingError, or ServiceError with the end of its log.
        """
        if sys.platform != "linux":
            raise ServiceMissingError(f"{self.name} without Docker runs on Linux only")
        if not self.running():
            command = self.command()
            directories.give_to(self.directory, self.user)
            try:
                self._launch(command)
            except BaseException:
                self.stop()
                raise
        return self.url

    def stop(self) -> None:
        """End it in good order, by force if it lingers, and leave nothing behind."""
        if self.process is not None:
            family = self.process.family()
            self.process.signal(self.stop_signal)
            self.thaw()
            if not wait_gone(family, self.stop_patience_s):
                self.kill()
        self._reap()
        if self._temporary is not None:
            shutil.rmtree(self._temporary)
            self._temporary = None

    def kill(self) -> None:
        """End it and all its children at once, as a crash would; the data stays."""
        if self.process is not None:
            family = self._send(signal.SIGKILL)
            if not wait_gone(family, _KILL_S):
                raise ServiceError(f"{self.name} (pid {self.process.pid}) survives SIGKILL")
        self._reap()

    def freeze(self) -> None:
        """Stop it in its tracks: it keeps its connections and answers nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`; nothing happens if it was not frozen."""
        self._send(signal.SIGCONT)

    def adopt(self, process: Process) -> None:
        """Take charge of a server that an earlier process started."""
        self.process = process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _send(self, number: signal.Signals) -> list[Process]:
        if self.process is None:
            return []
        self.process.signal(number)  # the parent first: then it forks no more
        family = self.process.family() or [self.process]
        for member in family[1:]:
            member.signal(number)
        return family

    def _launch(self, command: list[str]) -> None:
        self.prepare()
        self._child = spawn(
            command,
            directory=self.directory,
            log=self.log,
            user=self.user,
            tie=self.death_signal if self._tied else None,
        )
        self.process = Process.of(self._child.pid)
        self._await_answer()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _START_S
        while not (self.running() and self.answers()):
            if not self.running():
                raise ServiceError(f"{self.name} ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} does not answer:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def log_tail(self) -> str:
        """The last lines that the server wrote."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()
            return "\n".join(lines[-_LOG_TAIL:])
        return f"(no log at {self.log})"

    def _reap(self) -> None:
        if self._child is not None:
            self._child.wait()
        self._child = self.process = None


def start_all(services: Iterable[Service]) -> dict[Service, ServiceError]:
    """Start several at the same time; those that failed, with the reason."""
    services = list(services)
    with ThreadPoolExecutor(max_workers=max(1, len(services))) as pool:
        starts = {service: pool.submit(service.start) for service in services}
    failures = {service: start.exception() for service, start in starts.items()}
    for failure in failures.values():
        if failure is not None and not isinstance(failure, ServiceError):
            raise failure
    return {s: f for s, f in failures.items() if isinstance(f, ServiceError)}
