"""Options that the benchmarks share, and how each is started."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.errors import TextmillError, UsageError

Texts = Annotated[int, typer.Option(min=100, help="How many texts.")]
Docs = Annotated[Path | None, typer.Option(help='Texts to use instead: JSON lines with a "text".')]
Model = Annotated[
    Path | None, typer.Option(help="Directory of the model version; default: a random TextCNN.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Out = Annotated[Path | None, typer.Option(help="Folder for pictures and the result as JSON.")]


def start(main: Callable[..., Any]) -> None:
    """Run a benchmark's command line; what a person can mend is one line.

    SIGTERM ends it as Ctrl-C does, so that what it started is ended too.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        typer.run(main)
    except TextmillError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
