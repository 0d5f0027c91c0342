"""`textmill simulate`: the batch former on a virtual clock, and how many devices a load needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.errors import UsageError

if TYPE_CHECKING:
    from workers.simulation.arrivals import Arrival
    from workers.simulation.outcome import Outcome
    from workers.simulation.run import Plant

app = typer.Typer()


@app.command()
def simulate(
    texts: Annotated[int, typer.Option(min=1, help="Texts that arrive.")] = 20_000,
    rate: Annotated[float, typer.Option(help="Texts a second, on the mean.")] = 3000.0,
    bulk: Annotated[float, typer.Option(min=0, max=1, help="Share of bulk work.")] = 0.0,
    deadline: Annotated[
        float | None,
        typer.Option(help="Interactive texts expire after so many seconds without an answer."),
    ] = None,
    arrivals: Annotated[
        Path | None,
        typer.Option(
            help="Recorded arrivals instead: JSON lines with at (s), tokens, bulk, deadline_s."
        ),
    ] = None,
    devices: Annotated[int, typer.Option(min=1, max=1024, help="Devices.")] = 1,
    dispatchers: Annotated[int, typer.Option(min=1, help="Dispatchers.")] = 1,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topic.")] = 16,
    admit_us: Annotated[
        float, typer.Option(min=0, help="Dispatcher: CPU microseconds of a text, as measured.")
    ] = 30.0,
    call_us: Annotated[float, typer.Option(help="Device: microseconds of a call.")] = 750.0,
    token_us: Annotated[float, typer.Option(help="Device: microseconds of a padded token.")] = 2.9,
    pair_us: Annotated[float, typer.Option(help="The same of a pair of tokens.")] = 0.0,
    policy: Annotated[
        list[str] | None, typer.Option(help="arrival, budget, oldest, textmill; default: all.")
    ] = None,
    target: Annotated[float, typer.Option(help="Late is what takes longer, in seconds.")] = 0.2,
    p99: Annotated[
        float | None,
        typer.Option(help="Say instead how many devices answer 99 % within so many seconds."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the drawn arrivals.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="PNG of the latencies to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare ways of forming batches, or plan capacity, without any device.

    The defaults of the device are those of the default TextCNN on two CPU cores.

    Example: textmill simulate --rate 50000 --texts 100000 --p99 0.1 --token-us 0.2
    """
    from workers.core.cost import Cost
    from workers.simulation.run import Plant

    plant = Plant(
        devices=devices,
        dispatchers=dispatchers,
        partitions=partitions,
        admit_s=admit_us / 1e6,
        cost=Cost(call_us / 1e6, token_us / 1e6, pair_us / 1e6),
    )
    given = _arrivals(arrivals, texts, rate, bulk, seed, deadline)
    if p99 is not None:
        _plan(given, plant, p99, as_json)
        return
    outcomes = {name: _run(given, plant, name) for name in policy or _names()}
    _report(outcomes, target, as_json)
    if plot is not None:
        from workers.simulation.picture import draw

        draw(outcomes, plot, target)


def _names() -> list[str]:
    from workers.simulation.policies import POLICIES

    return list(POLICIES)


def _arrivals(
    path: Path | None, texts: int, rate: float, bulk: float, seed: int, deadline: float | None
) -> "list[Arrival]":
    from workers.simulation import arrivals

    if rate <= 0:
        raise UsageError("--rate must be above 0")
    if deadline is not None and deadline <= 0:
        raise UsageError("--deadline must be above 0 seconds")
    if path is not None:
        return arrivals.read(path)
    return arrivals.draw(texts, rate, bulk, seed, deadline)


def _run(given: "list[Arrival]", plant: "Plant", policy: str) -> "Outcome":
    from workers.simulation.run import Simulation

    if policy not in _names():
        raise UsageError(f"--policy {policy}: choose among {', '.join(_names())}")
    return Simulation(given, plant, policy).run()


def _plan(given: "list[Arrival]", plant: "Plant", p99: float, as_json: bool) -> None:
    from workers.simulation.capacity import needed

    need = needed(given, plant, p99)
    row = {
        "devices": need.devices,
        "dispatchers": need.dispatchers,
        "partitions": need.partitions,
        **_figures(need.outcome, p99),
    }
    if as_json:
        typer.echo(msgspec.json.encode(row).decode())
        return
    typer.echo(
        f"{need.devices} device(s), {need.dispatchers} dispatcher(s), "
        f"{need.partitions} partitions: 99 % within {1000 * need.outcome.p99_s:.0f} ms at "
        f"{need.outcome.texts_per_s:,.0f} texts/s, devices busy {100 * need.outcome.busy:.0f} %."
    )


def _figures(outcome: "Outcome", target: float) -> dict[str, Any]:
    return {
        "texts_per_s": round(outcome.texts_per_s, 1),
        "p50_s": round(outcome.p50_s, 6),
        "p99_s": round(outcome.p99_s, 6),
        "late": round(outcome.late(target), 6),
        "expired": outcome.expired,
        "padding_efficiency": round(outcome.padding_efficiency, 4),
        "busy": round(outcome.busy, 4),
        "batches": outcome.batches,
    }


def _report(outcomes: "dict[str, Outcome]", target: float, as_json: bool) -> None:
    rows = {name: _figures(outcome, target) for name, outcome in outcomes.items()}
    if as_json:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    columns = ("policy", "texts/s", "p50 ms", "p99 ms", "late", "real/padded", "busy", "expired")
    for column in columns:
        table.add_column(column, justify="left" if column == "policy" else "right")
    for name, row in rows.items():
        times = (f"{1000 * row[key]:,.1f}" for key in ("p50_s", "p99_s"))
        shares = (f"{100 * row[key]:.1f} %" for key in ("late", "padding_efficiency", "busy"))
        expired = f"{row['expired']:,}"
        table.add_row(name, f"{row['texts_per_s']:,.0f}", *times, *shares, expired)
    Console().print(table)
