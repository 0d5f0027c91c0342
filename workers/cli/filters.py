"""The options that choose answers, the same for all commands that look results up."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from schemas.task import Task

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from workers.sql.lookup import Wanted

TaskOption = Annotated[Task, typer.Option(help="Which task's answers.")]
Since = Annotated[str | None, typer.Option(help="Not before: 30m, 2h, 3d ago, a date or RFC 3339.")]
Until = Annotated[str | None, typer.Option(help="Before this moment, written in the same way.")]
Label = Annotated[str | None, typer.Option(help="Only this label.")]
Lang = Annotated[str | None, typer.Option(help="Only this language: zh or en.")]
Model = Annotated[str | None, typer.Option(help="Only this model: name or name@3.")]
Tenant = Annotated[str | None, typer.Option(help="Only this tenant.")]
Bulk = Annotated[
    str | None, typer.Option("--bulk", "--bulk-id", help="Only this bulk job, by name or id.")
]
MinScore = Annotated[float | None, typer.Option(min=0, max=1, help="Only scores from here.")]
MaxScore = Annotated[float | None, typer.Option(min=0, max=1, help="Only scores up to here.")]
Entity = Annotated[str | None, typer.Option(help="Only texts with a span of exactly these words.")]
EntityLike = Annotated[
    str | None,
    typer.Option(help="Only texts with a span that has this in it, in upper or lower case."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="How many at most.")]
After = Annotated[
    str | None, typer.Option(help="Go on after this place, which the page before named.")
]

_FILTERS = frozenset(
    {"task", "since", "until", "label", "lang", "model", "tenant", "bulk", "entity"}
    | {"entity_like", "min_score", "max_score"}
)


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The filters among a command's options."""
    return {name: value for name, value in values.items() if name in _FILTERS}


def wanted(
    engine: "Engine",
    *,
    task: Task | None,
    since: str | None,
    until: str | None,
    model: str | None,
    bulk: str | None,
    min_score: float | None,
    max_score: float | None,
    entity_like: str | None,
    **equal: str | None,
) -> "Wanted":
    """What these options ask for.

    Raises:
        UsageError: a moment or a model is none, or a part of a name is empty.
    """
    from datetime import UTC, datetime

    from workers.core.lookup import parse_model, parse_since
    from workers.sql.lookup import Wanted

    if entity_like is not None and not entity_like.strip():
        raise UsageError("--entity-like is empty: write some characters of a name, as `berl`")
    name, version = parse_model(model) if model else (None, None)
    now = datetime.now(UTC)
    return Wanted(
        task=task,
        since=parse_since(since, now) if since else None,
        until=parse_since(until, now) if until else None,
        model=name,
        version=version,
        bulk_id=_bulk_id(engine, bulk) if bulk else None,
        least_score=min_score,
        most_score=max_score,
        part=entity_like,
        **equal,
    )


def _bulk_id(engine: "Engine", name: str) -> str:
    """The id of a bulk job; a word that names none is what a producer wrote in `bulk_id`."""
    from workers.sql.bulks import SqlBulks

    try:
        return SqlBulks(engine).find(name).bulk_id
    except UsageError:
        return name
