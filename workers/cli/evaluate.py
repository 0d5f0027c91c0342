"""`textmill evaluate`: how well any version answers labelled texts."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from models import options
from models.quiet import import_tensorflow
from schemas.errors import SettingsError, UsageError
from schemas.settings import load
from schemas.task import Task

app = typer.Typer()


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="Version directory, or a registered NAME or NAME@3.")],
    data: Annotated[Path, typer.Option(help="Labelled texts: .jsonl .csv .tsv .parquet .conll.")],
    task: Annotated[
        Task | None, typer.Option(help="Which of its tasks, where it answers several.")
    ] = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    strict: options.Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Score a version on labelled texts; lines whose label it does not know are left out.

    A name without a number means its newest version. Tagged sentences give token accuracy and, by
    the tags' scheme, entity or word F1.

    Example: textmill evaluate --model sentiment-en --data test.jsonl.gz --json
    """
    directory = _directory(model)
    import_tensorflow()
    from models import loading
    from models.training import scoring
    from models.training.reading.bad_lines import BadLines

    version = loading.load(directory)
    tasks = list(version.manifest.tasks)
    if task is None and len(tasks) > 1:
        raise SettingsError(f"{model} answers several tasks: give --task {' or '.join(tasks)}")
    with BadLines(lambda text: typer.echo(text, err=True)) as bad:
        reading = bad.reading(strict=strict, text_column=text_column, label_column=label_column)
        found = scoring.evaluate(version.of(task or tasks[0]), data, reading)
    facts = {"model": version.manifest.name, "task": task or tasks[0], "data": str(data)}
    _print(facts | msgspec.structs.asdict(found), as_json)


def _directory(model: str) -> Path:
    """Return where a version lies; UsageError where there is none of that name."""
    from models import artifact
    from workers import starters
    from workers.artifact_store import located, open_store
    from workers.assembly import Store
    from workers.core.lookup import parse_model

    if Path(model, artifact.MANIFEST).exists():
        return Path(model)
    name, number = parse_model(model)
    settings = load()
    with Store(settings) as store:
        if not settings.database.url:  # nobody else's: the first look may fill it
            starters.enroll(store.registry, settings.models.starters)
        versions = [one for one in store.registry.versions() if one.name == name]
    found = [one for one in versions if number in (None, one.version)]
    if not found:
        raise UsageError(
            f"--model {model} is no version directory and no registered version: "
            "`textmill models list` shows those that there are"
        )
    return located(found[-1], open_store(settings))


def _print(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(row).decode())
        return
    metrics = row.pop("metrics")
    for key, value in (row | metrics).items():
        typer.echo(f"{key:16} {value:.4f}" if isinstance(value, float) else f"{key:16} {value}")
