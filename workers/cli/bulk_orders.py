"""`textmill bulk pause`, `resume`, `cancel`, `priority`: what somebody wants of a job."""

from typing import Annotated, Any

import typer

from schemas.errors import UsageError
from schemas.settings import load

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The job's name or id.")]


@app.command()
def pause(name: Name) -> None:
    """Let nothing more of a job go to the workers; what is at them is finished.

    Example: textmill bulk pause june
    """
    _wish(name, "is paused", state="paused")


@app.command()
def resume(name: Name) -> None:
    """Go on with a paused job.

    Example: textmill bulk resume june
    """
    _wish(name, "goes on", state="active")


@app.command()
def cancel(name: Name) -> None:
    """Give a job up: what is in no batch yet ends as CANCELLED; answers that are there stay.

    Example: textmill bulk cancel june
    """
    _wish(name, "is cancelled", state="cancelled")


@app.command()
def priority(
    name: Name,
    level: Annotated[str, typer.Argument(help="high, normal or low, among the tenant's jobs.")],
) -> None:
    """Let a job go before or after the tenant's other bulk jobs.

    Example: textmill bulk priority june high
    """
    from workers.sql.bulks import PRIORITIES

    if level not in PRIORITIES:
        raise UsageError(f"`{level[:20]}` is no priority: {', '.join(PRIORITIES)}.")
    _wish(name, f"has priority {level}", priority=PRIORITIES[level])


def _wish(name: str, done: str, **wanted: Any) -> None:
    from workers.assembly import Store

    with Store(load()) as store:
        found = store.bulks.find(name)
        store.bulks.wish(found.bulk_id, **wanted)
    typer.echo(f"{found.name} {done}.")
