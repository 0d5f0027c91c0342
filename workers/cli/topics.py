"""`textmill topics`: the Kafka topics that carry jobs."""

from typing import Annotated

import typer

from schemas.settings import load

app = typer.Typer(no_args_is_help=True, help="Kafka topics.")


@app.callback()
def group() -> None:
    """Kafka topics."""


@app.command()
def create(
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of each topic: at least one per dispatcher.")
    ] = 4,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
) -> None:
    """Make the topics that are missing; safe to repeat.

    Example: textmill topics create --partitions 12 --replication 3
    """
    from workers.log.topics import create_topics

    for line in create_topics(load(), partitions, replication):
        typer.echo(line)
