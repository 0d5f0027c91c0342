"""What the commands that change routes share: who acts, what is narrowed, how it is told."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.errors import TextmillError, UsageError
from schemas.model_version import LANGUAGES
from schemas.settings import Settings, load
from schemas.task import Task

if TYPE_CHECKING:
    from workers.assembly import Store
    from workers.rollout.operator import Operator
    from workers.rollout.scope import Scope
    from workers.rollout.steps import Step

Model = Annotated[str, typer.Argument(help="`name`, or one version of it: `name@3`.")]
TaskOption = Annotated[Task | None, typer.Option("--task", help="Only routes of this task.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="Only routes of this language.")]
TenantOption = Annotated[
    str, typer.Option("--tenant", help="Routes of this tenant, instead of everybody's.")
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until every worker has the version.")
]
Patience = Annotated[
    float, typer.Option("--timeout", min=1, help="Seconds until it is given up, reason shown.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Also where it lacks labels of the live one; is recorded.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


class NotDoneError(TextmillError):
    """A deployment failed; its reason was shown."""


def scope(task: Task | None, lang: str | None, tenant: str) -> "Scope":
    """What is meant; UsageError for a language that there is not."""
    from workers.rollout.scope import Scope

    if lang is not None and lang not in LANGUAGES:
        raise UsageError(f"`{lang}` is no language here: {', '.join(LANGUAGES)}")
    return Scope(task=task, lang=lang, tenant=tenant)


def actor() -> str:
    """Who acts: the person's name on this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # as in a container without users
        return f"uid {os.getuid()}"


@contextmanager
def opened() -> "Iterator[tuple[Settings, Store]]":
    """The settings and the store; an embedded one knows the starters from the first look."""
    from workers import starters
    from workers.assembly import Store

    settings = load()
    with Store(settings) as store:
        if not settings.database.url:
            starters.enroll(store.registry, settings.models.starters)
        yield settings, store


def run(
    act: "Callable[[Operator], list[Step]]", *, wait: bool, patience_s: float, as_json: bool
) -> None:
    """Do something with routes, wait for it if wanted, and tell what became of it."""
    with opened() as (settings, store):
        steps = acted(settings, store, act, wait=wait, patience_s=patience_s, as_json=as_json)
    _tell(steps, as_json)
    refuse_failed(steps)


def acted(
    settings: Settings,
    store: "Store",
    act: "Callable[[Operator], list[Step]]",
    *,
    wait: bool,
    patience_s: float,
    as_json: bool,
) -> "list[Step]":
    """The same in an open store; what became of it, untold."""
    from workers.rollout.operator import Operator

    operator = Operator(
        store.registry,
        store.rollouts,
        actor=actor(),
        tell=_teller(settings),
        patience_s=patience_s,
    )
    steps = act(operator)
    if wait:
        with _progress(as_json) as show:
            steps = operator.wait(steps, show)
    return steps


def refuse_failed(steps: "Sequence[Step]") -> None:
    """NotDoneError where any of it failed."""
    if failed := [step for step in steps if step.state in ("FAILED", "CANCELLED")]:
        raise NotDoneError(f"{failed[0].version} is not there: {failed[0].reason}")


def _teller(settings: Settings) -> Callable[[], object]:
    if not settings.redis.url:
        return lambda: None
    from workers.handover.news import RedisNews

    return RedisNews(settings.redis.url).tell


@contextmanager
def _progress(as_json: bool) -> "Iterator[Callable[[Sequence[Step]], None]]":
    """Shows on standard error what is waited for: in place on a terminal, else each change once."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not as_json:
        with console.status("") as status:
            yield lambda steps: status.update("; ".join(_waits(steps)))
        return
    said: set[str] = set()

    def show(steps: "Sequence[Step]") -> None:
        for line in _waits(steps):
            if line not in said:
                print(line, file=sys.stderr)
                said.add(line)

    yield show


def _waits(steps: "Sequence[Step]") -> list[str]:
    pending = [step for step in steps if step.state == "PENDING"]
    lines = (f"{step.version} for {step.key}: {step.reason or 'asked for'}" for step in pending)
    return list(dict.fromkeys(lines))


def _tell(steps: "Sequence[Step]", as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode({"steps": [_row(step) for step in steps]}).decode())
        return
    for step in steps:
        reason = f" ({step.reason})" if step.reason else ""
        typer.echo(f"{step.action} {step.version} for {step.key}: {step.state.lower()}{reason}")


def _row(step: "Step") -> dict[str, Any]:
    return {
        "action": step.action,
        "version": step.version,
        "task": step.key.task,
        "lang": step.key.lang,
        "tenant": step.key.tenant,
        "state": step.state,
        "reason": step.reason,
        "deployment": step.deployment,
    }
