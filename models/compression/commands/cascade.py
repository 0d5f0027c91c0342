"""`textmill compress cascade`: a cheap version before a strong one."""

from pathlib import Path
from typing import Annotated

import typer

from models import options
from models.compression.commands import promise
from models.quiet import import_tensorflow

app = typer.Typer()


@app.command()
def cascade(
    cheap: Annotated[Path, typer.Option(help="Version directory that answers first.")],
    strong: Annotated[Path, typer.Option(help="Version directory that answers the rest.")],
    dev: promise.Dev,
    out: promise.Out,
    min_agreement: promise.MinAgreement = None,
    max_loss: promise.MaxLoss = None,
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
    promise.check(min_agreement, max_loss)
    import_tensorflow()
    kept = promise.promised(min_agreement, max_loss)
    from models.compression.cascade import make
    from models.training.reading.bad_lines import BadLines

    with BadLines(lambda text: typer.echo(text, err=True)) as bad:
        reading = bad.reading(strict=strict, text_column=text_column, label_column=label_column)
        manifest = make(cheap, strong, dev, kept, out, reading)
    promise.tell(out, manifest)
