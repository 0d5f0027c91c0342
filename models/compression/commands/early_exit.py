"""`textmill compress early-exit`: a version whose network easy texts leave early."""

from pathlib import Path
from typing import Annotated

import typer

from models import options
from models.compression.commands import promise
from models.quiet import import_tensorflow
from models.screen import Screen

app = typer.Typer()


@app.command()
def early_exit(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Version directory.")],
    dev: promise.Dev,
    out: promise.Out,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="Texts that new exits learn from; not where it has exits; repeatable."),
    ] = None,
    min_agreement: promise.MinAgreement = None,
    max_loss: promise.MaxLoss = None,
    epochs: Annotated[int, typer.Option(min=1, help="Most epochs that new exits learn.")] = 5,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
    any_language: options.AnyLanguage = False,
) -> None:
    """Write a version of a classifier of several layers in which easy texts leave early.

    A version trained with `exits` in its recipe's [encoder] has the heads already, and only the
    threshold is tuned. To any other --train teaches a head behind each layer but the last, while
    all else stays as it is, so that the last layer's answers are the parent's.

    Example: textmill compress early-exit gru-1 --train train.jsonl.gz --dev dev.jsonl.gz \\
    --max-loss 0.3 --out gru-2
    """
    promise.check(min_agreement, max_loss)
    import_tensorflow()
    import tensorflow as tf

    kept = promise.promised(min_agreement, max_loss)
    from models.compression.early_exit import Asked, make
    from models.training.reading.bad_lines import BadLines

    tf.config.experimental.enable_op_determinism()
    with Screen() as screen, BadLines(screen.say) as bad:
        reading = bad.reading(
            strict=strict,
            text_column=text_column,
            label_column=label_column,
            any_language=any_language,
        )
        asked = Asked(directory, tuple(train or ()), dev, kept, out, epochs, reading)
        manifest = make(asked, screen)
    promise.tell(out, manifest)
