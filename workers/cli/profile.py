"""`textmill models profile`: what batches of a version cost, by kind of device."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.errors import UsageError
from schemas.settings import load

if TYPE_CHECKING:
    from workers.ports import ModelVersion, Profile

app = typer.Typer()

SHAPES = ((1, 16), (32, 32), (256, 32), (64, 128), (16, 512))
"""Batches, as (texts, tokens each), whose predicted time is shown."""


@app.command()
def profile(
    model: Annotated[str, typer.Argument(help="`name`, or one version of it: `name@3`.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Show what batches of a version cost on each kind of device, as dispatchers have learnt it.

    T = call + texts x length x token + texts x length² x pair. `batches` says what it was learnt
    from, 0 the warm-up alone; `budget` how many padded tokens a batch of texts of 32 may have,
    by the settings and by what it costs; the last column what 32 such texts take.

    Example: textmill models profile sentiment-en@1
    """
    from workers.assembly import Store
    from workers.core.lookup import parse_model

    name, number = parse_model(model)
    settings = load()
    with Store(settings) as store:
        versions = {
            one.version_id: one
            for one in store.registry.versions()
            if one.name == name and number in (None, one.version)
        }
        if not versions:
            raise UsageError(f"no model {model} is registered: `textmill models list` shows all")
        found = [one for one in store.profiles.profiles() if one.version_id in versions]
    limit = settings.dispatch.max_batch_s, settings.dispatch.token_budget
    rows = [_row(versions[one.version_id], one, *limit) for one in found]
    if as_json:
        typer.echo(msgspec.json.encode(rows).decode())
    elif rows:
        _print(rows)
    else:
        typer.echo(
            f"Nothing is known of {model} yet: it is learnt while a dispatcher and a worker that "
            "has loaded it run."
        )


def _row(version: "ModelVersion", known: "Profile", seconds: float, tokens: int) -> dict[str, Any]:
    from workers.core.cost import Cost
    from workers.core.costs import Price

    cost = Cost(*known.prices)
    return {
        "model": version.name,
        "version": version.version,
        "device": known.kind,
        "call_ms": round(1e3 * cost.call_s, 4),
        "token_us": round(1e6 * cost.token_s, 4),
        "pair_ns": round(1e9 * cost.pair_s, 4),
        "batches": known.batches,
        "memory_bytes": known.memory_bytes,
        "budget": {length: Price(cost, tokens).budget(length, seconds) for length in (32, 512)},
        "predicted_ms": {f"{n}x{length}": 1e3 * cost.seconds(n, length) for n, length in SHAPES},
    }


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in ("version", "device", "batches", "call ms", "token µs", "pair ns", "budget"):
        table.add_column(column)
    table.add_column("32x32 ms", justify="right")
    for row in rows:
        version = f"{row['model']}@{row['version']}"
        prices = (f"{row[key]:.3g}" for key in ("call_ms", "token_us", "pair_ns"))
        predicted = f"{row['predicted_ms']['32x32']:.1f}"
        seen, budget = str(row["batches"]), str(row["budget"][32])
        table.add_row(version, row["device"], seen, *prices, budget, predicted)
    Console().print(table)
