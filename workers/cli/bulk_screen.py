"""How bulk jobs look on a terminal and in a pipe."""

import sys
from typing import TYPE_CHECKING, Any

import msgspec
import typer

if TYPE_CHECKING:
    from producers.bulk.submission import Progress
    from workers.bulks.status import Status

BAR = 30
_STATES = ("queued", "running", "failed", "cancelled")


def tell(text: str) -> None:
    """A remark, beside what the command prints."""
    clear()
    typer.echo(text, err=True)


def show_rows(progress: "Progress") -> None:
    """How far a submission is, where somebody looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{progress.rows} rows, {progress.documents} documents submitted")
        sys.stderr.flush()


def clear() -> None:
    """Take the line of `show_rows` away."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")


def print_fields(of: Any, as_json: bool) -> None:
    """What is known, a field a line."""
    if as_json:
        typer.echo(msgspec.json.encode(of).decode())
        return
    for name, value in msgspec.to_builtins(of).items():
        typer.echo(f"{name + ':':<16}{_said(value)}")


def show_status(now: "Status", as_json: bool) -> None:
    """One look at a job that is watched: a line, over the last one where somebody looks."""
    if as_json:
        typer.echo(msgspec.json.encode(now).decode())
    elif sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{line_of(now)}")
        sys.stdout.flush()
    else:
        typer.echo(line_of(now))


def line_of(now: "Status") -> str:
    """The job in one line, with a bar."""
    ended = now.done + now.failed
    whole = ended + now.outstanding + now.cancelled
    full = BAR * ended // whole if whole else 0
    numbers = [f"{ended}/{whole}", f"{now.per_s:.0f}/s"]
    if now.state in {"running", "submitting"}:
        numbers.append(f"{duration(now.eta_s)} left")
    numbers += [f"{n} {state}" for state in _STATES if (n := getattr(now, state))]
    if len(now.tasks) > 1:
        numbers += [f"{task} {_of_task(one)}" for task, one in now.tasks.items()]
    return f"{now.name} {now.state} [{'#' * full}{'.' * (BAR - full)}] {', '.join(numbers)}"


def _of_task(one: dict[str, int]) -> str:
    """How many are done, and what of the others is in which state."""
    others = ", ".join(f"{one[state]} {state}" for state in _STATES if one[state])
    return f"{one['done']} ({others})" if others else f"{one['done']}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return "unknown time"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _said(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
