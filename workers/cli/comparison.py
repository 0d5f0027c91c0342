"""`textmill models compare | why`: what two versions did, and how a job came to its answer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from schemas.errors import UsageError
from workers.cli.operating import Json, opened

app = typer.Typer()


@app.command()
def compare(
    one: Annotated[str, typer.Argument(help="A version: `name@3`.")],
    other: Annotated[str, typer.Argument(help="Another: `name@4`.")],
    as_json: Json = False,
) -> None:
    """Compare two versions: what each did as an arm, and how alike they answered the same texts.

    Texts that both have answered are those of a shadow, and those of a canary that the live version
    answered too: the newest 2,000. `pairs` counts them.

    Example: textmill models compare topics@3 topics@4 --json
    """
    from workers.core.likeness import compared
    from workers.rollout.scope import version_of

    with opened() as (_, store):
        versions = store.registry.versions()
        both = version_of(versions, one), version_of(versions, other)
        arms = [_plain(row) for version in both for row in store.arms.stats(version)]
        pairs = store.arms.pairs(*both)
    agreement = {"pairs": len(pairs), **compared(pairs)}
    if as_json:
        names = [str(version) for version in both]
        found = {"versions": names, "arms": arms, "agreement": agreement}
        typer.echo(msgspec.json.encode(found).decode())
        return
    _print(arms)
    for name, value in agreement.items():
        typer.echo(f"{name:18} {value if name == 'pairs' else round(value, 4)}")


@app.command()
def why(
    job_id: Annotated[str, typer.Argument(help="The job.")],
    tenant: Annotated[str | None, typer.Option(help="Whose; by default anybody's.")] = None,
    as_json: Json = False,
) -> None:
    """Show how a job came to its answer: which route, arm, version, batch, worker, and when.

    Example: textmill models why review-17
    """
    from workers.sql.why import SqlWhy

    with opened() as (_, store):
        rows = [_explained(row) for row in SqlWhy(store.engine).explain(job_id, tenant)]
    if not rows:
        raise UsageError(f"nothing is known of a job {job_id[:200]}: it waits, or it never came")
    if as_json:
        typer.echo(msgspec.json.encode({"job_id": job_id, "answers": rows}).decode())
        return
    for row in rows:
        for name, value in row.items():
            if value not in (None, []):
                typer.echo(f"{name:14} {_shown(value)}")
        typer.echo()


def _explained(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its version's and its route's name."""
    facts = _plain(row)
    model, version, tenant = (facts.pop(name) for name in ("model", "version", "route_tenant"))
    routed = facts["arm"] in ("live", "canary")
    route = f"{facts['task']}/{facts['lang']}" + (f" of {tenant}" if tenant else "")
    head = {
        "state": facts.pop("state"),
        "version": None if model is None else f"{model}@{version}",
        "arm": facts.pop("arm"),
        "route": route if routed else None,
    }
    return head | facts


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as JSON has them."""
    return {
        name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(f"{one['model']}@{one['version']}: {one['label']}" for one in value)
    return str(value)


def _print(arms: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    names = ("version", "task", "lang", "arm", "jobs", "errors", "p50_ms", "p99_ms")
    for name in names:
        table.add_column(name)
    for row in arms:
        shown = {**row, "version": f"{row['model']}@{row['version']}"}
        table.add_row(*(str(shown[name]) for name in names))
    Console().print(table)
