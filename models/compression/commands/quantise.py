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
from schemas.model_version import Compression

if TYPE_CHECKING:
    from models.compression.builds import Measured, Texts
    from models.live_model import LiveModel
    from models.training.reading.corpus import Reading

app = typer.Typer()


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
        Path | None, typer.Option(help="Labelled texts to score by; else answers are compared.")
    ] = None,
    max_loss: Annotated[
        float, typer.Option(min=0, max=100, help="Points of the score that a build may lose.")
    ] = 0.5,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Write a version with builds of smaller numbers, each measured against its parent.

    A worker serves the build that it measures fastest. What loses more than --max-loss is left out.

    Example: textmill compress quantise models/starter/intent-en --dev dev.jsonl.gz --out int8
    """
    names = _names(build, calibrate is not None)
    if out.exists():
        raise SettingsError(f"{out} exists already: give another --out or remove it")
    import_tensorflow()
    from models.compression import builds
    from models.live_model import LiveModel
    from models.training.reading.bad_lines import BadLines

    model = LiveModel.load(directory)
    with BadLines(lambda text: typer.echo(text, err=True)) as bad:
        reading = bad.reading(text_column=text_column, label_column=label_column)
        found = builds.measured(model, names, _texts(model, dev, calibrate, reading))
    kept = [name for name, one in found.builds.items() if one.deltas.loss <= max_loss]
    if kept:
        _write(out, directory, model, found, kept, max_loss)
    _print(found, kept, max_loss, as_json, out)
    if not kept:
        raise DataError(f"{out} is not written: no build loses {max_loss:g} points or less")


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
    model: "LiveModel", dev: Path | None, calibrate: Path | None, reading: "Reading"
) -> "Texts":
    from models.compression import measure
    from models.compression.builds import Texts
    from schemas.question import Question

    shown = measure.questions(model, calibrate, reading) if calibrate else []
    own = [Question(text) for text in model.manifest.warm_up]
    asked = measure.questions(model, dev, reading) if dev else shown or own
    if not asked:
        raise ArtifactError(f"{model.manifest.name} has no texts to compare by: give --dev")
    return Texts(asked, dev, reading, shown)


def _write(
    out: Path,
    directory: Path,
    model: "LiveModel",
    found: "Measured",
    kept: Sequence[str],
    max_loss: float,
) -> None:
    from models.compression import child

    fastest = max(kept, key=lambda name: found.builds[name].deltas.texts_per_s)
    manifest = msgspec.structs.replace(
        model.manifest,
        builds={name: found.builds[name] for name in sorted(kept)},
        allowed_loss=max_loss,
    )
    made = Compression(method="quantised", deltas=found.builds[fastest].deltas)
    with tempfile.TemporaryDirectory(prefix="textmill-builds-") as folder:
        files = {artifact.BUILDS[name]: Path(folder, artifact.BUILDS[name]) for name in kept}
        for name in kept:
            files[artifact.BUILDS[name]].write_bytes(found.contents[name])
        child.write(out, directory, manifest, files, made)


def _print(
    found: "Measured", kept: Sequence[str], max_loss: float, as_json: bool, out: Path
) -> None:
    rows = {name: _row(found, name, name in kept) for name in found.builds}
    if as_json:
        facts: dict[str, Any] = {"out": str(out) if kept else None, "max_loss": max_loss}
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


def _row(found: "Measured", name: str, kept: bool) -> dict[str, Any]:
    one = found.builds[name]
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
