"""`textmill compress prune`: a version with less in it."""

from enum import StrEnum
from typing import Annotated

import typer
from msgspec.structs import replace

from models import options
from models.compression.commands import shared
from models.quiet import import_tensorflow
from models.screen import Screen

app = typer.Typer()


class Of(StrEnum):
    """What is cut."""

    FILTERS = "filters"
    HEADS = "heads"
    HIDDEN = "hidden"
    VOCABULARY = "vocabulary"
    WEIGHTS = "weights"


@app.command()
def prune(
    directory: shared.Directory,
    keep: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Share of it that stays, as 0.5.")
    ],
    data: shared.Data,
    out: shared.Out,
    of: Annotated[
        Of, typer.Option(help="What is cut; weights are set to 0, which saves disk alone.")
    ] = Of.FILTERS,
    dev: shared.Dev = None,
    epochs: Annotated[
        int, typer.Option(min=0, help="Epochs that the rest learns on; 0 for none.")
    ] = 4,
    learning_rate: Annotated[
        float, typer.Option(min=0, help="Highest rate of learning on.")
    ] = 5e-4,
    name: shared.Name = "",
    seed: shared.Seed = None,
    resume: shared.Resume = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
) -> None:
    """Cut out what is worth least on labelled texts, learn on, and write the rest as a version.

    Example: textmill compress prune models/starter/intent-en --keep 0.5 --of filters \\
    --data train.jsonl.gz --out runs/half
    """
    import_tensorflow()
    import tensorflow as tf

    from models.compression import pruning
    from models.compression.order import Order
    from models.training.reading.bad_lines import BadLines

    tf.config.experimental.enable_op_determinism()
    fit = replace(pruning.FIT, epochs=epochs, learning_rate=learning_rate, seed=seed or 1)
    with Screen() as screen, BadLines(screen.say) as bad:
        order = Order(
            teachers=shared.directories([str(directory)]),
            train=tuple(data),
            dev=tuple(dev or ()),
            out=out,
            name=name,
            now=shared.now(),
            resume=resume,
            reading=bad.reading(
                strict=strict,
                text_column=text_column,
                label_column=label_column,
                any_language=True,
            ),
        )
        cut = pruning.Cut(of.value, keep, fit)
        manifest = pruning.prune(order, cut, screen)
    typer.echo(shared.told(out, manifest))
