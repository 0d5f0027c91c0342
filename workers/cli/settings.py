"""`textmill config` and `textmill schema`: what is set, and what messages look like."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from schemas import result, wire
from schemas import settings as setting

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


class Message(StrEnum):
    """What stands on topics for others to write or to read."""

    JOB = "job"
    RESULT = "result"


@app.command()
def schema(
    of: Annotated[Message, typer.Argument(help="job, or result: of a stream.")] = Message.JOB,
) -> None:
    """Print the JSON Schema of a job, or of a result, on the wire.

    Example: textmill schema > job-v1.schema.json
    """
    said = (wire if of is Message.JOB else result).json_schema()
    typer.echo(json.dumps(said, indent=2, ensure_ascii=False))
