"""`textmill compress quantise`: builds of a version that compute with smaller numbers."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def quantise(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Version directory.")],
    out: Annotated[Path, typer.Option(help="Version directory to write; must not exist.")],
) -> None:
    """Write a version with builds of smaller numbers, each measured against its parent.

    Example: textmill compress quantise models/starter/intent-en --dev dev.jsonl.gz --out int8
    """
    raise NotImplementedError(f"{directory} {out}")
