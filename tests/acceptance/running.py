"""One installation of Textmill as an outsider meets it: commands, log files, SQL.

An `Installation` has settings, a data directory and a database of its own. `run` runs a command to
its end; `start` leaves one running. Nothing of Textmill is called inside the test's process: what
the commands did is read by plain SQL, what they said from their log files.

Processes are known by pid and birth (`deploy.services.process`), tied to the test by the kernel,
and ended with all their descendants when the installation is closed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from deploy.services.process import Process, wait_gone

COMMAND = str(Path(sys.executable).with_name("textmill"))
TIED = ("setpriv", "--pdeathsig", "KILL", "--")
LOG_TAIL = 25
LOOK_S = 0.05


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without any setting of Textmill but `settings`."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("TEXTMILL_")}
    return inherited | {"COLUMNS": "200", "NO_COLOR": "1"} | dict(settings)


class Running:
    """A command that runs, and the file that it writes to."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._popen = popen
        self._family: dict[int, Process] = {}
        self.process = Process.of(popen.pid)

    @property
    def said(self) -> str:
        """Everything on its standard output and error so far, its children's included."""
        return self.log.read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """As `subprocess` tells it; None while it runs."""
        return self._popen.poll()

    def family(self) -> list[Process]:
        """Itself and its living descendants; those seen once are remembered to the end."""
        if self.process is not None:
            self._family |= {member.pid: member for member in self.process.family()}
        return [member for member in self._family.values() if member.alive()]

    def children_running(self, module: str) -> list[Process]:
        """Its descendants whose command line names `module`."""
        return [p for p in self.family() if p != self.process and module in command_line(p)]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.family()
        self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL for this process alone; returns when it is dead."""
        self.signal(signal.SIGKILL)
        assert self._popen.wait(10) == -signal.SIGKILL

    def wait(self, seconds: float) -> int:
        """Its exit code; fails with its last lines when it does not end in time."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} still runs after {seconds} s:\n{tail(self)}"
            ) from None

    def end(self) -> None:
        """End it and all its descendants, whatever they do."""
        members = self.family()
        for member in members:
            member.signal(signal.SIGKILL)
        self._popen.wait(10)
        assert wait_gone(self.family() + members, 10), f"{self.name} left processes behind"


def command_line(process: Process) -> str:
    """The words a process was started with; empty when it is gone."""
    try:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return words.replace(b"\0", b" ").decode(errors="replace")


def tail(running: Running) -> str:
    """The last lines of a log, under its name."""
    lines = running.said.splitlines()[-LOG_TAIL:]
    return "\n".join([f"---- {running.name} ({running.exit_code=}), end of log ----", *lines])


class Installation:
    """Settings, directory and database of one Textmill, and the commands that run in it."""

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        """
        Args:
            directory: data, logs and files of this installation; also the working directory.
            settings: variables; without any it is embedded.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data = directory / "data"
        self.settings = {"TEXTMILL_DATA_DIR": str(self.data), **(settings or {})}
        self.started: list[Running] = []
        url = self.settings.get("TEXTMILL_DATABASE__URL")
        self._file = None if url else self.data / "textmill.sqlite3"
        self.database_url = url or f"sqlite:///{self._file}"
        self._engine = create_engine(self.database_url, poolclass=NullPool)

    @property
    def embedded(self) -> bool:
        """Whether no service is configured."""
        return len(self.settings) == 1

    def run(
        self,
        *arguments: str,
        given: str | bytes = b"",
        seconds: float = 90,
        ok: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `textmill ARGUMENTS...` to its end, `given` on its standard input.

        Args:
            ok: whether a failing command fails the test.
            settings: further variables for this run.
        """
        done = subprocess.run(
            [*TIED, COMMAND, *arguments],
            input=given.encode() if isinstance(given, str) else given,
            capture_output=True,
            cwd=self.directory,
            env=environment({**self.settings, **(settings or {})}),
            timeout=seconds,
        )
        said = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )
        assert said.returncode == 0 or not ok, f"{arguments}: {said.returncode}\n{said.stderr}"
        return said

    def start(self, *arguments: str, settings: Mapping[str, str] | None = None) -> Running:
        """Start `textmill ARGUMENTS...` and leave it running; its log is named after it."""
        name = f"{len(self.started) + 1:02}-{arguments[0]}"
        log = self.directory / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*TIED, COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env=environment({**self.settings, **(settings or {})}),
            )
        self.started.append(Running(name, popen, log))
        return self.started[-1]

    def sql(self, query: str, **values: Any) -> list[Any]:
        """The rows of a query. There is no row in a database that does not exist yet."""
        if self._file is not None and not self._file.exists():
            return []
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(text(query), values))
        except (OperationalError, ProgrammingError) as error:
            if "no such table" in str(error):  # the schema is being made
                return []
            raise

    def one(self, query: str, **values: Any) -> Any:
        """The first column of the first row; 0 where there is none."""
        rows = self.sql(query, **values)
        return rows[0][0] if rows else 0

    def settled(self) -> int:
        """Records with a terminal state."""
        return self.one("SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM ending)")

    def wait_for(self, what: str, holds: Callable[[], Any], seconds: float) -> Any:
        """Look again and again until `holds` gives something true, and return that.

        Fails, with the ends of all logs, when the time is up or a command ended with an error.
        """
        deadline = time.monotonic() + seconds
        while True:
            if found := holds():
                return found
            late = time.monotonic() > deadline
            if late or any((r.exit_code or 0) > 0 for r in self.started):
                reason = f"not within {seconds} s" if late else "a command ended"
                logs = "\n".join(map(tail, self.started))
                raise AssertionError(f"{what}: {reason}; settled: {self.settled()}\n{logs}")
            time.sleep(LOOK_S)

    def wait_until_settled(self, records: int, seconds: float) -> None:
        """Wait until so many records have their terminal state."""
        self.wait_for(f"{records} settled", lambda: self.settled() >= records, seconds)

    def close(self) -> None:
        """End every command that still runs."""
        for running in self.started:
            running.end()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """A file of these lines."""
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
