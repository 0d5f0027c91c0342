"""`textmill`: one command for producers, operators and ML engineers.

Each file here holds one group of commands and imports what it needs inside them, so that
`textmill --help` answers at once and `textmill publish` loads no TensorFlow. Errors that a person
can mend are one line and an exit code: 2 for a mistake in what was given, 1 for a service that
does not answer; 70 is a bug of ours.
"""

import sys
import traceback

import typer

import models.cli
import models.compression.cli
import producers.cli
from schemas.errors import TextmillError, UsageError
from workers.cli import (
    bulk,
    bulk_orders,
    bulk_output,
    bulk_rerun,
    comparison,
    database,
    demo,
    doctor,
    evaluate,
    history,
    profile,
    register,
    results,
    rollouts,
    running,
    settings,
    simulate,
    topics,
    tune,
    upkeep,
    versions,
)
from workers.failure import kind
from workers.supervised import EXIT_BROKEN

app = typer.Typer(
    name="textmill",
    help="Texts on Kafka topics in, answers as rows in SQL out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(demo.app)
app.add_typer(running.app)
app.add_typer(producers.cli.app)
bulk.app.add_typer(bulk_orders.app)
bulk.app.add_typer(bulk_output.app)
bulk.app.add_typer(bulk_rerun.app)
app.add_typer(bulk.app, name="bulk")
app.add_typer(results.app, name="results")
app.add_typer(topics.app, name="topics")
app.add_typer(database.app, name="db")
app.add_typer(database.erasing)
app.add_typer(models.cli.app)
app.add_typer(evaluate.app)
app.add_typer(models.compression.cli.app, name="compress")
versions.app.add_typer(profile.app)
versions.app.add_typer(rollouts.app)
versions.app.add_typer(upkeep.app)
versions.app.add_typer(history.app)
versions.app.add_typer(register.app)
versions.app.add_typer(comparison.app)
app.add_typer(versions.app, name="models")
app.add_typer(settings.app)
app.add_typer(doctor.app)
app.add_typer(simulate.app)
app.add_typer(tune.app)


def main() -> None:
    """Run the command line; the entry point of the console script."""
    try:
        app()
    except TextmillError as error:
        print(f"textmill: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # a bug: told with its way, but without its words
        traceback.print_tb(error.__traceback__)
        print(f"textmill broke down: {kind(error)}", file=sys.stderr)
        sys.exit(EXIT_BROKEN)
