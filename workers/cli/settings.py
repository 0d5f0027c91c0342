"""`textmill config` and `textmill schema`: what is set, and what a job looks like."""

import json
from typing import Annotated

import typer

from schemas import settings as setting
from schemas import wire

app = typer.Typer()


@app.command()
def config(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the effective settings and the variables that change them; secrets are masked.

    Example: TEXTMILL_DATA_DIR=/srv/textmill textmill config
    """
    values = setting.describe(setting.load())
    if as_json:
        typer.echo(json.dumps(values))
        return
    width = max(len(setting.variable_of(path)) for path in values)
    for path, value in values.items():
        typer.echo(f"{setting.variable_of(path):{width}}  {value}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a job on the wire.

    Example: textmill schema > job-v1.schema.json
    """
    typer.echo(json.dumps(wire.json_schema(), indent=2, ensure_ascii=False))
