"""`textmill compress`: the group that its commands are joined in, one file a command."""

import typer

from models.compression.commands import cascade, early_exit, quantise

app = typer.Typer(no_args_is_help=True, help="Make smaller and faster versions of a version.")
app.add_typer(quantise.app)
app.add_typer(cascade.app)
app.add_typer(early_exit.app)
