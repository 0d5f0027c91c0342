"""`textmill tune`: a search for the numbers of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from models import options
from models.quiet import import_tensorflow
from schemas.errors import UnavailableError
from schemas.settings import load

if TYPE_CHECKING:
    from models.training.config import Config
    from models.training.run import Request
    from models.training.search import Found
    from models.training.space import Space

app = typer.Typer()


@app.command()
def tune(
    lang: Annotated[str, typer.Option(help="Language of the texts: zh or en.")],
    space: Annotated[Path, typer.Option(help="What to try: TOML, like a recipe, with ranges.")],
    study: Annotated[str, typer.Option(help="Name; a search of the same name goes on.")],
    out: Annotated[Path, typer.Option(help="Best recipe to write; beside it a picture, PNG.")],
    task: options.TaskName = None,
    train: options.Train = None,
    dev: options.Dev = None,
    data: options.Data = None,
    raw: options.Raw = None,
    vectors: options.Vectors = None,
    lexicon: options.Lexicon = None,
    init_from: options.InitFrom = None,
    config: Annotated[
        Path | None, typer.Option(help="Recipe to begin from; default values else.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials of the study, earlier runs included.")
    ] = 20,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
    any_language: options.AnyLanguage = False,
) -> None:
    """Try values of a recipe, each in a training; write the best recipe, for `textmill train`.

    A trial that falls behind the others is given up. The study lies beside the store of the
    settings: stopped, the same command goes on.

    Example: textmill tune --task sentiment --lang en --train train.jsonl.gz --dev dev.jsonl.gz \\
    --space space.toml --study reviews --trials 30 --out reviews.toml
    """
    options.check_start(vectors, lexicon, init_from)
    import_tensorflow()
    import tensorflow as tf

    from models.screen import Screen
    from models.training import joint_recipe, run
    from models.training.reading.bad_lines import BadLines

    tf.config.experimental.enable_op_determinism()  # the best recipe trains as its trial did
    tf.get_logger().setLevel("ERROR")  # it warns of many networks in one process
    files = joint_recipe.Files(tuple(train or ()), tuple(dev or ()), ())
    first, files, recipe = joint_recipe.choose(task, files, config, data)
    with Screen() as screen, BadLines(screen.say) as bad:
        request = run.Request(
            name="trial",
            task=first,
            lang=options.language(lang),
            train=files.train,
            dev=files.dev,
            raw=tuple(raw or ()),
            vectors=vectors,
            lexicon=lexicon,
            init_from=init_from,
            config=recipe,
            out=out,
            reading=bad.reading(
                strict=strict,
                text_column=text_column,
                label_column=label_column,
                any_language=any_language,
            ),
        )
        found, tried = _search(study, request, space, trials, screen)
    base = recipe if config is None else _plain(config)
    typer.echo(msgspec.json.encode(_write(out, found, tried, base, study)).decode())


def _search(
    study: str, request: "Request", path: Path, trials: int, screen: Any
) -> tuple["Found", "Space"]:
    from models.training import space
    from models.training.search import Search
    from workers.sql.studies import studies

    tried = space.read(path, request.config)
    with studies(load().database_url) as storage:
        return Search(study, storage, request, tried).run(trials, screen), tried


def _plain(path: Path) -> "Config":
    """Return the recipe as it stands in the file, the names of its files not filled in."""
    from models.training import config

    return config.read(path)


def _write(out: Path, found: "Found", tried: "Space", base: "Config", study: str) -> dict[str, Any]:
    """Write recipe and picture; return what to say of them."""
    from models.training import recipe_file, search_picture, space

    picture = out.with_suffix(".png")
    heading = f"The best of {len(found.trials)} trials: dev {found.metric} {found.score:.4f}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        recipe_file.write(space.applied(base, found.best), out, heading)
        search_picture.draw(found, tried, picture)
    except OSError as error:
        raise UnavailableError(
            f"{out} cannot be written: {error.strerror}; give the command again, the study is kept"
        ) from error
    return {
        "study": study,
        "trials": len(found.trials),
        "given_up": found.given_up,
        "metric": found.metric,
        "score": found.score,
        "values": dict(found.best),
        "recipe": str(out),
        "picture": str(picture),
    }
