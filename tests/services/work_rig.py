"""`textmill work` as a person starts it: a process, its settings, its standard error."""

import os
import subprocess
import sys
import threading
from pathlib import Path

STARTERS = "sentiment-en,sentiment-zh"
"""What its workers load: loading all that is shipped would take most of a test's time."""


class Work:
    """`textmill work` in a process, and its standard error."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        code = "from workers.cli import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "work", *arguments],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def end(self, timeout_s: float = 60.0) -> int:
        code = self.process.wait(timeout_s)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            self.lines += (line.rstrip() for line in self.process.stderr)


def environment_of(redis_url: str, directory: Path) -> dict[str, str]:
    """Variables for a worker with its own Redis database and data directory."""
    return {
        "TEXTMILL_REDIS__URL": redis_url,
        "TEXTMILL_DATA_DIR": str(directory),
        "TEXTMILL_WORKER__HEARTBEAT_S": "0.2",
        "TEXTMILL_WORKER__THREADS": "1",
        "TEXTMILL_MODELS__STARTERS": STARTERS,
    }
