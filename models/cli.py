"""`textmill train` and `textmill pretrain`.

The commands check what they were given, then hand over to `models.training`. TensorFlow is imported
inside them, so that `--help` and completion answer at once.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from models import options
from models.quiet import import_tensorflow
from models.screen import Screen
from schemas.errors import SettingsError

app = typer.Typer(no_args_is_help=True)


@app.command()
def train(
    lang: Annotated[str, typer.Option(help="Language of the texts: zh or en.")],
    name: Annotated[str, typer.Option(help="Model name: lower case, digits, hyphens.")],
    out: Annotated[Path, typer.Option(help="Version directory to write; must not exist.")],
    task: options.TaskName = None,
    train: options.Train = None,
    dev: options.Dev = None,
    test: Annotated[
        list[Path] | None, typer.Option(help="Texts to score once at the end; repeatable.")
    ] = None,
    data: options.Data = None,
    raw: options.Raw = None,
    vectors: options.Vectors = None,
    lexicon: options.Lexicon = None,
    init_from: options.InitFrom = None,
    config: Annotated[Path | None, typer.Option(help="Recipe, TOML; default values else.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides all random numbers; that of the recipe else.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes that share each batch, and this machine.")
    ] = 1,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
    any_language: options.AnyLanguage = False,
) -> None:
    """Train a model and write a version directory.

    OUT.training keeps the learning curve, the confusion matrix and TensorBoard's files.

    Example: textmill train --task sentiment --lang en --name reviews --train train.jsonl.gz \\
    --dev dev.jsonl.gz --out reviews-1
    """
    options.check_start(vectors, lexicon, init_from)
    import_tensorflow()
    import tensorflow as tf

    from models.training import config as recipes
    from models.training import joint_recipe, run, together
    from models.training.reading.bad_lines import BadLines

    tf.config.experimental.enable_op_determinism()
    if processes > 1:
        together.take_share(0, processes)
    given = joint_recipe.Files(tuple(train or ()), tuple(dev or ()), tuple(test or ()))
    first, files, recipe = joint_recipe.choose(task, given, config, data)
    with Screen() as screen, BadLines(screen.say) as bad:
        request = run.Request(
            name=_name(name),
            task=first,
            lang=options.language(lang),
            train=files.train,
            dev=files.dev,
            test=files.test,
            raw=tuple(raw or ()),
            vectors=vectors,
            lexicon=lexicon,
            init_from=init_from,
            config=recipes.seeded(recipe, seed),
            out=out,
            resume=resume,
            reading=bad.reading(
                strict=strict,
                text_column=text_column,
                label_column=label_column,
                any_language=any_language,
            ),
        )
        manifest = run.train(request, screen, processes)
    typer.echo(msgspec.json.encode({"model": str(out), **manifest.metrics}).decode())


@app.command()
def pretrain(
    lang: Annotated[str, typer.Option(help="Language of the texts: zh or en.")],
    raw: Annotated[
        list[Path],
        typer.Option(help="Unlabelled texts, in any format of training texts; repeatable."),
    ],
    out: Annotated[Path, typer.Option(help="Version directory to write; must not exist.")],
    name: Annotated[str, typer.Option(help="Name of the encoder.")] = "encoder",
    lexicon: options.Lexicon = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Recipe, TOML, with the encoder of the trainings to follow."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides all random numbers; that of the recipe else.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    text_column: options.TextColumn = None,
    strict: options.Strict = False,
    any_language: options.AnyLanguage = False,
) -> None:
    """Teach an encoder of tokens a language by masked tokens, for `train --init-from`.

    Example: textmill pretrain --lang en --raw texts.jsonl.gz --out encoder-en
    """
    import_tensorflow()
    import tensorflow as tf

    from models.training import config as recipes
    from models.training import pretrain as pretraining
    from models.training.reading.bad_lines import BadLines

    tf.config.experimental.enable_op_determinism()
    recipe = pretraining.DEFAULT if config is None else recipes.read(config)
    with Screen() as screen, BadLines(screen.say) as bad:
        request = pretraining.Request(
            name=_name(name),
            lang=options.language(lang),
            raw=tuple(raw),
            lexicon=lexicon,
            config=recipes.seeded(recipe, seed),
            out=out,
            resume=resume,
            reading=bad.reading(strict=strict, text_column=text_column, any_language=any_language),
        )
        manifest = pretraining.pretrain(request, screen)
    typer.echo(msgspec.json.encode({"model": str(out), **manifest.metrics}).decode())


def _name(name: str) -> str:
    if not name or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise SettingsError(f"--name {name!r}: use lower-case letters, digits and hyphens")
    return name
