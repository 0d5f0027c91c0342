"""Options that several commands share."""

from typing import Annotated

import typer

TextColumn = Annotated[
    str | None, typer.Option(help="Key or column of the text; by default the task's own name.")
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Key or column of the label; by default the task's own name.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End at the first bad line; else it is left out.")
]
