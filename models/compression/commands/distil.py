"""`textmill compress distil`: a student that learns from versions."""

from pathlib import Path
from typing import Annotated

import typer

from models import options
from models.compression.commands import shared
from models.quiet import import_tensorflow
from models.screen import Screen

app = typer.Typer()


@app.command()
def distil(
    teacher: Annotated[
        list[str],
        typer.Option(
            help="Version directories with commas between; the first is the parent; repeatable."
        ),
    ],
    student: Annotated[Path, typer.Option(help="Recipe of the student, TOML.")],
    data: shared.Data,
    out: shared.Out,
    dev: shared.Dev = None,
    raw: Annotated[
        list[Path] | None,
        typer.Option(help="Unlabelled texts that the teachers answer; repeatable."),
    ] = None,
    variants: Annotated[
        int,
        typer.Option(min=0, help="Changed copies of each labelled text that they answer too."),
    ] = 0,
    lexicon: options.Lexicon = None,
    name: shared.Name = "",
    seed: shared.Seed = None,
    resume: shared.Resume = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
) -> None:
    """Train a student on labels and on what its teachers believe; write it as a version.

    [distil] in the recipe says how much the teachers count (weight), how soft their beliefs are
    learnt (temperature) and whether hidden states are matched (hidden).

    Example: textmill compress distil --teacher models/starter/intent-en --student small.toml \\
    --data train.jsonl.gz --raw texts.jsonl.gz --out runs/small
    """
    import_tensorflow()
    import tensorflow as tf

    from models.compression import distilling
    from models.compression.order import Order
    from models.training import config as recipes
    from models.training.reading.bad_lines import BadLines

    tf.config.experimental.enable_op_determinism()
    with Screen() as screen, BadLines(screen.say) as bad:
        order = Order(
            teachers=shared.directories(teacher),
            train=tuple(data),
            dev=tuple(dev or ()),
            raw=tuple(raw or ()),
            variants=variants,
            lexicon=lexicon,
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
        manifest = distilling.distil(order, recipes.seeded(recipes.read(student), seed), screen)
    typer.echo(shared.told(out, manifest))
