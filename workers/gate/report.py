"""What an examination found."""

import msgspec


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a version had to show."""

    name: str
    ok: bool
    reason: str = ""
    """Why it was not passed, for people; of one that was passed, what was seen."""
    seconds: float = 0.0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a version costs on the device of the trial."""

    timings: tuple[tuple[int, int, float], ...]
    """Padded arrays that were run: rows, length in tokens, seconds."""
    memory_bytes: int
    """What one more copy takes, at least its weights."""
    weight_bytes: int


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What the process of the trial says in the end."""

    checks: tuple[Check, ...]
    digest: str = ""
    """Of the files that it read."""
    measured: Measured | None = None
    """None where a check was not passed."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole examination of one directory."""

    model: str
    digest: str
    device: str
    """The kind of device it was tried on, as `cost_profile` has it."""
    checks: tuple[Check, ...]
    measured: Measured | None = None
    forced: tuple[str, ...] = ()
    """What was let pass because somebody wished it so."""

    @property
    def reason(self) -> str:
        """Why it is refused; empty where it is not."""
        failed = (check for check in self.checks if not check.ok)
        return next((f"{check.name}: {check.reason}" for check in failed), "")
