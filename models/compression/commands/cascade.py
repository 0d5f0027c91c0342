"""`textmill compress cascade`: a cheap version before a strong one."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from models import options
from models.quiet import import_tensorflow
from schemas.errors import SettingsError

app = typer.Typer()

AGREEMENT = 0.99
"""What is promised where nothing else is said."""


@app.command()
def cascade(
    cheap: Annotated[Path, typer.Option(help="Version directory that answers first.")],
    strong: Annotated[Path, typer.Option(help="Version directory that answers the rest.")],
    dev: Annotated[Path, typer.Option(help="Labelled texts that the threshold is tuned on.")],
    out: Annotated[Path, typer.Option(help="Version directory to write; must not exist.")],
    min_agreement: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least share of the strong one's answers kept; 0.99."),
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(min=0, max=100, help="Instead: most points of score lost.")
    ] = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
) -> None:
    """Write one version of two: the cheap one answers what it is sure of, the strong one the rest.

    Both must answer the same task with the same labels. The version is registered, canaried and
    served like any other; results say which of the two answered.

    Example: textmill compress cascade --cheap bag-1 --strong gru-1 --dev dev.jsonl.gz \\
    --max-loss 0.3 --out gru-2
    """
    if min_agreement is not None and max_loss is not None:
        raise SettingsError("--min-agreement and --max-loss are two promises: choose one")
    import_tensorflow()
    from models.compression import cascade as making
    from models.training.reading.bad_lines import BadLines

    agreement = AGREEMENT if max_loss is None and min_agreement is None else min_agreement
    promise = making.Promise(agreement, max_loss)
    with BadLines(lambda text: typer.echo(text, err=True)) as bad:
        reading = bad.reading(strict=strict, text_column=text_column, label_column=label_column)
        manifest = making.make(cheap, strong, dev, promise, out, reading)
    typer.echo(msgspec.json.encode({"model": str(out), **making.summary(manifest)}).decode())
