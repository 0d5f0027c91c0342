"""`textmill compress search`: what can be had of a version, and at what price."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from models import options
from models.compression.commands import shared
from models.quiet import import_tensorflow
from models.screen import Screen
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from models.compression.pareto import Point

app = typer.Typer()
PICTURE = "pareto.png"
_BUILD_LOSS = 0.5
"""Points that a build may lose where `--max-loss` does not say."""


@app.command()
def search(
    directory: shared.Directory,
    data: shared.Data,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the versions that are made; by default NAME.search, here."),
    ] = None,
    dev: shared.Dev = None,
    raw: Annotated[
        list[Path] | None, typer.Option(help="Unlabelled texts for students; repeatable.")
    ] = None,
    variants: Annotated[
        int, typer.Option(min=0, help="Changed copies of each labelled text for students.")
    ] = 0,
    student: Annotated[
        list[Path] | None, typer.Option(help="Recipe of a student to try; repeatable.")
    ] = None,
    keep: Annotated[str, typer.Option(help="Shares that pruning keeps.")] = "0.75,0.5,0.25",
    epochs: Annotated[int, typer.Option(min=0, help="Epochs that a pruned version learns on.")] = 4,
    max_loss: Annotated[
        float | None, typer.Option(help="Name the fastest that loses at most so many points.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
) -> None:
    """Make smaller versions in several ways, each in int8 too, and show score, speed and size.

    OUT holds a version a try and pareto.png; given again, the command goes on where it stopped.

    Example: textmill compress search models/starter/intent-en --data train.jsonl.gz \\
    --out runs/smaller --max-loss 0.5
    """
    import_tensorflow()
    import tensorflow as tf
    from msgspec.structs import replace

    from models.compression import pareto, pruning, search_picture, searching
    from models.compression.order import Order
    from models.training import config as recipes
    from models.training.reading.bad_lines import BadLines

    folder = out or Path(f"{directory.resolve().name}.search")
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")  # it warns of many networks in one process
    wanted = searching.Wanted(
        keeps=_shares(keep),
        fit=replace(pruning.FIT, epochs=epochs),
        students=tuple((path.stem, recipes.read(path)) for path in student or ()),
        build_loss=max(0.0, _BUILD_LOSS if max_loss is None else max_loss),
    )
    with Screen() as screen, BadLines(screen.say) as bad:
        order = Order(
            teachers=shared.directories([str(directory)]),
            train=tuple(data),
            dev=tuple(dev or ()),
            raw=tuple(raw or ()),
            variants=variants,
            out=folder,
            now=shared.now(),
            reading=bad.reading(
                text_column=text_column, label_column=label_column, any_language=True
            ),
        )
        points = searching.search(order, wanted, screen)
    search_picture.draw(points, folder / PICTURE)
    chosen = None if max_loss is None else pareto.chosen(points, max_loss)
    typer.echo(_json(points, chosen, folder) if json else _table(points, chosen))


def _shares(given: str) -> tuple[float, ...]:
    """Return the shares of `--keep`; SettingsError where one is none."""
    try:
        shares = tuple(float(one) for one in given.split(",") if one.strip())
    except ValueError:
        shares = ()
    if not shares or not all(0 < one < 1 for one in shares):
        raise SettingsError(f"--keep {given!r}: give shares between 0 and 1, as 0.75,0.5")
    return shares


def _json(points: "list[Point]", chosen: "Point | None", out: Path) -> str:
    told = {"points": points, "chosen": chosen, "picture": str(out / PICTURE)}
    return msgspec.json.encode(told).decode()


def _table(points: "list[Point]", chosen: "Point | None") -> str:
    """Return a row a version, those of the front marked by a star, and which was chosen."""
    width = max(len(f"{one.name} {one.build}") for one in points)
    rows = [f"  {'':{width}}  texts/s   times   score    loss      MB"]
    rows += [
        f"{'*' if one.front else ' '} {one.name + ' ' + one.build:{width}}  {one.texts_per_s:7.0f}"
        f"  {one.ratio:6.2f}  {one.score:.4f}  {one.loss:6.2f}  {one.bytes / 1e6:6.2f}"
        for one in points
    ]
    if chosen:
        rows.append(f"Chosen: {chosen.directory} {chosen.build}".rstrip())
    return "\n".join(rows)
