"""`textmill compress`: one file a command in `models.compression.commands`."""

import typer

from models.compression.commands import cascade, distil, early_exit, prune, quantise, search

app = typer.Typer(no_args_is_help=True, help="Make smaller and faster versions of a version.")
app.add_typer(quantise.app)
app.add_typer(distil.app)
app.add_typer(prune.app)
app.add_typer(search.app)
app.add_typer(cascade.app)
app.add_typer(early_exit.app)
