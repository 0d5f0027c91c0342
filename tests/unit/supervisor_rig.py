"""A supervisor in a process of its own, with small programs in the place of workers."""

import contextlib
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

from workers.supervised import Program

START = """
import signal, sys
from pathlib import Path
from workers.supervised import Program
from workers.supervisor import Supervisor
programs = {programs}
code = Supervisor(programs, hung_after_s={hung}, drain_s={drain}).run()
sys.exit(code)
"""


class Run:
    """A supervisor in a process of its own, and what it says."""

    def __init__(self, programs: list[Program], hung: float = 60, drain: float = 10) -> None:
        shown = repr(programs).replace("PosixPath", "Path")
        code = START.format(programs=shown, hung=hung, drain=drain)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                self.lines.append(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        code = self.process.wait(20)
        self._reader.join(5)
        return code


@contextlib.contextmanager
def supervising(*programs: Program, hung: float = 60, drain: float = 10) -> Iterator[Run]:
    run = Run(list(programs), hung, drain)
    try:
        yield run
    finally:
        run.process.kill()
        run.end()


def script(code: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code), *map(str, arguments))


TOUCH_AND_WAIT = """
    import os, sys, time
    open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
    while True: time.sleep(1)
"""


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
