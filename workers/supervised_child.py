"""One supervised program and the process that runs it at present.

`look` is called ten times a second and never waits; the rules are in `workers.supervised`. Where
the supervisor itself stood still for long, as with the machine it runs on, the silence of its child
says nothing: a hang is counted from when it could look again.
"""

import os
import subprocess
import sys
from collections.abc import Callable

from workers import child, pulse
from workers.supervised import Program, Restarts, in_words, is_final

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """One line for people."""
    print(f"textmill: {line}", file=sys.stderr, flush=True)


class Child:
    """One program and the process that runs it at present."""

    def __init__(self, program: Program, hung_after_s: float, drain_s: float, say: Say) -> None:
        self.program = program
        self.ended = False
        """Not running, and not to be started again."""
        self.gave_up: int | None = None
        """Exit code of a process that would fail again."""
        self._hung_after_s = hung_after_s
        self._drain_s = drain_s
        self._say = say
        self._restarts = Restarts()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._start_at = 0.0
        self._kill_at: float | None = None
        self._looked_at = self._awake_since = 0.0
        self._ever_ready = False

    def look(self, now: float) -> None:
        """Start it if its time has come, notice its end, end it if it hangs."""
        if now - self._looked_at > self._hung_after_s / 2:
            self._awake_since = now
        self._looked_at = now
        if self.ended:
            return
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
        elif (exit_code := self._process.poll()) is not None:
            self._process = None
            self._after(exit_code, now)
        elif self._kill_at is None and self._hangs(now):
            self._say(f"{self._title} hangs; killing it")
            self.kill()
        elif self._kill_at is not None and now > self._kill_at:
            self._say(f"{self._title} did not drain in {self._drain_s:.0f} s; killing it")
            self.kill()

    def stop(self, now: float) -> None:
        """Ask it to drain, once; not to be started again."""
        if self._kill_at is not None:
            return
        self._kill_at = now + self._drain_s
        if self._process is None:
            self.ended = True
        else:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self, now: float) -> None:
        for left in (self.program.pulse, self.program.ready):
            if left is not None:
                left.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            child.command(self.program.command, os.getpid(), self.program.cores),
            env=os.environ | self.program.environment,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C reaches the supervisor, which lets the children drain
        )
        self._started = now
        self._say(f"{self._title} started")

    def _after(self, exit_code: int, now: float) -> None:
        ready = self._was_ready()
        self._ever_ready |= ready
        if self._kill_at is not None:
            self.ended = True
            self._say(
                f"{self.program.name} {'has stopped' if not exit_code else in_words(exit_code)}"
            )
        elif is_final(exit_code, self._ever_ready):
            self.ended, self.gave_up = True, exit_code
            self._say(f"{self.program.name} cannot run; see above")
        else:
            pause_s = self._restarts.pause_s(now - self._started, ready)
            self._start_at = now + pause_s
            loop = (
                f" ({self._restarts.failures} times in a row)" if self._restarts.in_a_loop else ""
            )
            self._say(
                f"{self.program.name} {in_words(exit_code)}{loop}; "
                f"starting it again in {pause_s:.1f} s"
            )

    def _was_ready(self) -> bool:
        ready, beats = self.program.ready, self.program.pulse
        if ready is not None:
            return ready.exists()
        return beats is not None and pulse.read(beats) is not None

    def _hangs(self, now: float) -> bool:
        if self.program.pulse is None or now - self._awake_since < self._hung_after_s:
            return False
        beat = pulse.read(self.program.pulse)
        return beat is not None and pulse.hangs(beat, now, self._hung_after_s)

    @property
    def _title(self) -> str:
        number = "" if self._process is None else f" (process {self._process.pid})"
        return self.program.name + number
