"""`textmill compress quantise`: builds of a version that compute with smaller numbers."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from models import artifact, options
from models.quiet import import_tensorflow
from schemas.errors import ArtifactError, DataError, SettingsError
from schemas.model_version import Build

if TYPE_CHECKING:
    from models.compression.builds import Measured, Texts
    from models.live_model import LiveModel
    from models.training.reading.corpus import Reading

app = typer.Typer()
_WEIGHTS = "weights"
"""What the row of the version's own weights is called, where they were rounded."""


@app.command()
def quantise(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Version directory.")],
    out: Annotated[Path, typer.Option(help="Version directory to write; must not exist.")],
    build: Annotated[
        list[str] | None, typer.Option(help="Build to make; repeatable. By default those of int8.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Texts whose ranges litert-int8-full computes within.")
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Labelled texts to score by; repeatable. Else answers are compared."),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Labelled texts to score rounded weights on, once; repeatable."),
    ] = None,
    max_loss: Annotated[
        float, typer.Option(min=0, max=100, help="Points of the score that a build may lose.")
    ] = 0.5,
    weights: Annotated[
        bool, typer.Option("--weights", help="Round the version's own weights too, and pack them.")
    ] = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Write a version with builds of smaller numbers, each measured against its parent.

    A worker serves the build that it measures fastest. What loses more than --max-loss is left out.
    With --weights the whole directory is small: builds that are made of its weights among them.

    Example: textmill compress quantise models/starter/intent-en --dev dev.jsonl.gz --out int8
    """
    names = _names(build, calibrate is not None)
    if out.exists():
        raise SettingsError(f"{out} exists already: give another --out or remove it")
    import_tensorflow()
    from models.compression import builds, quantising
    from models.live_model import LiveModel
    from models.training.reading.bad_lines import BadLines

    model = LiveModel.load(directory)
    if model.manifest.exits:
        raise ArtifactError("texts leave its network early: quantise the version it was made of")
    with (
        BadLines(lambda text: typer.echo(text, err=True)) as bad,
        tempfile.TemporaryDirectory(prefix="textmill-builds-") as name,
    ):
        folder = Path(name)
        reading = bad.reading(text_column=text_column, label_column=label_column)
        texts = _texts(model, dev or [], test or [], calibrate, reading)
        rounded = quantising.rounded(model, folder) if weights else None
        found = builds.measured(model, names, texts, rounded)
        kept = [name for name, one in found.builds.items() if one.deltas.loss <= max_loss]
        good = _good(found, kept, max_loss)
        if good:
            quantising.write(out, model, found, kept, max_loss, folder)
    _print(found, kept, max_loss, as_json, out if good else None)
    if not good:
        what = "its weights lose more than" if rounded else "no build loses only"
        raise DataError(f"{out} is not written: {what} {max_loss:g} points")


def _good(found: "Measured", kept: Sequence[str], max_loss: float) -> bool:
    """Whether there is something to write."""
    return bool(kept) if found.rounded is None else found.rounded.deltas.loss <= max_loss


def _names(given: Sequence[str] | None, calibrated: bool) -> list[str]:
    """Return the builds to make; SettingsError for one that there is not."""
    for name in given or ():
        if name not in artifact.BUILDS:
            raise SettingsError(f"--build {name!r}: choose of {', '.join(artifact.BUILDS)}")
        if name == "litert-int8-full" and not calibrated:
            raise SettingsError("--build litert-int8-full needs texts: give --calibrate FILE")
    default = ["litert-int8", "litert-folded-int8", "keras-int8"]
    return list(dict.fromkeys(given or default + ["litert-int8-full"] * calibrated))


def _texts(
    model: "LiveModel",
    dev: Sequence[Path],
    test: Sequence[Path],
    calibrate: Path | None,
    reading: "Reading",
) -> "Texts":
    from models.compression import measure
    from models.compression.builds import Texts
    from schemas.question import Question

    shown = measure.questions(model, calibrate, reading) if calibrate else []
    own = [Question(text) for text in model.manifest.warm_up]
    asked = [one for path in dev for one in measure.questions(model, path, reading)]
    asked = asked or shown or own
    if not asked:
        raise ArtifactError(f"{model.manifest.name} has no texts to compare by: give --dev")
    return Texts(asked, dev, reading, shown, test)


def _print(
    found: "Measured", kept: Sequence[str], max_loss: float, as_json: bool, out: Path | None
) -> None:
    rows = {name: _row(found, one, name in kept) for name, one in found.builds.items()}
    if found.rounded is not None:
        rows = {_WEIGHTS: _row(found, found.rounded, out is not None), **rows}
    if as_json:
        facts: dict[str, Any] = {"out": str(out) if out else None, "max_loss": max_loss}
        usual = {"score": found.score, "texts_per_s": round(found.texts_per_s, 1)}
        facts |= {"float32": usual, "builds": rows, "not_made": found.left_out}
        typer.echo(msgspec.json.encode(facts).decode())
        return
    typer.echo(
        f"{'build':20}{'MB':>7}{'size':>7}{'texts/s':>10}{'ratio':>7}{'loss':>7}{'alike':>8}"
    )
    for name, row in rows.items():
        typer.echo(
            f"{name:20}{row['bytes'] / 1e6:7.2f}{row['size_ratio']:7.2f}{row['texts_per_s']:10.0f}"
            f"{row['ratio']:7.2f}{row['loss']:7.2f}{row['agreement']:8.4f}"
            + ("" if row["kept"] else f"  left out: loses more than {max_loss:g} points")
        )
    for name, why in found.left_out.items():
        typer.echo(f"{name:20} not made: {why}")


def _row(found: "Measured", one: Build, kept: bool) -> dict[str, Any]:
    return {
        "bytes": one.bytes,
        "size_ratio": one.deltas.size,
        "texts_per_s": round(found.texts_per_s * one.deltas.texts_per_s, 1),
        "ratio": one.deltas.texts_per_s,
        "score": one.score,
        "loss": one.deltas.loss,
        "agreement": one.deltas.agreement,
        "kept": kept,
    }
