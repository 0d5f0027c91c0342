"""What to do about one supervised process: pure rules, time as an argument.

    ended with 2              a person's mistake: it would end so again          give up
    ended with 1, never ready a service does not answer, it says which           give up
    anything else             a crash, a kill, a lost device                     start it again

Ready once is ready for good, whichever process of the program it was: what a program needs was
there, so it will come again, and a crash during an outage must not end the others.

The pause before a new start doubles from half a second. One that was ready comes back within four
seconds at worst, since a text that kills workers must be found by killing several; one that never
gets ready waits up to thirty.
"""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

EXIT_UNAVAILABLE: Final = 1
EXIT_USAGE: Final = 2
EXIT_BROKEN: Final = 70
"""The device or the models answer nothing, or it broke down; a new process may do better."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_AFTER_READY_S: Final = 4.0
HEALTHY_S: Final = 60.0
"""One that lived for so long has not failed in a row."""
LOOP: Final = 4
"""Failures in a row that are called a crash loop."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep running."""

    name: str
    """For people: `worker gpu:0`."""
    command: Sequence[str]
    environment: dict[str, str] = {}
    """Added to the supervisor's own."""
    cores: tuple[int, ...] | None = None
    """Cores it is pinned to; None: not."""
    pulse: Path | None = None
    """Where it writes its beats (`workers.pulse`); None: nobody watches for a hang."""
    ready: Path | None = None
    """What it makes when it is ready (`workers.readiness`); None: its first beat tells."""
    stop_first: bool = False
    """Whether it is stopped, and waited for, before those that are not."""


class Restarts:
    """How often one program failed, and how long to wait before it starts again."""

    def __init__(self) -> None:
        self.failures = 0

    def pause_s(self, lived_s: float, was_ready: bool) -> float:
        """Count a failure of a process that lived for `lived_s`; the pause before the next."""
        if lived_s >= HEALTHY_S:
            self.failures = 0
        self.failures += 1
        longest = LONGEST_PAUSE_AFTER_READY_S if was_ready else LONGEST_PAUSE_S
        return float(min(longest, FIRST_PAUSE_S * 2 ** (min(self.failures, 16) - 1)))

    @property
    def in_a_loop(self) -> bool:
        """Whether it has failed so often that a person should look."""
        return self.failures >= LOOP


def is_final(exit_code: int, ever_ready: bool) -> bool:
    """Whether starting it again would be in vain; `ever_ready`: this process or one before it."""
    return exit_code == EXIT_USAGE or (exit_code == EXIT_UNAVAILABLE and not ever_ready)


def in_words(exit_code: int) -> str:
    """How a process ended, for people."""
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    if exit_code == EXIT_BROKEN:
        return "broke down"
    return f"ended with {exit_code}"
