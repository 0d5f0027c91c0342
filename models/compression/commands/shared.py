"""Options and words that several commands of `textmill compress` share."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from schemas.errors import SettingsError
from schemas.model_version import Manifest

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Version directory.")]
Data = Annotated[
    list[Path], typer.Option(help="Labelled texts, in any format of training; repeatable.")
]
Dev = Annotated[
    list[Path] | None,
    typer.Option(help="Labelled texts to score; else a tenth of --data; repeatable."),
]
Out = Annotated[Path, typer.Option(help="Version directory to write; must not exist.")]
Name = Annotated[str, typer.Option(help="Model name; by default the parent's.")]
Seed = Annotated[
    int | None, typer.Option(help="Decides all random numbers; that of the recipe else.")
]
Resume = Annotated[bool, typer.Option(help="Go on from the last checkpoint.")]


def directories(given: Iterable[str]) -> tuple[Path, ...]:
    """Return version directories that are named with commas between; SettingsError for none."""
    found = tuple(Path(one) for some in given for one in some.split(",") if one)
    for one in found:
        if not one.is_dir():
            raise SettingsError(f"{one} is no version directory")
    if not found:
        raise SettingsError("--teacher names no version directory")
    return found


def now() -> str:
    """Return the present moment, RFC 3339, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def told(out: Path, manifest: Manifest) -> str:
    """Return one line of JSON about a child: where it is, its scores and its deltas."""
    deltas = msgspec.to_builtins(manifest.compression.deltas) if manifest.compression else {}
    return msgspec.json.encode({"model": str(out), **manifest.metrics, "deltas": deltas}).decode()
