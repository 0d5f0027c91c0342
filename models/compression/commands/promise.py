"""What the commands of conditional networks have in common: the promise, and what they print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.errors import SettingsError
from schemas.model_version import Manifest

if TYPE_CHECKING:
    from models.compression.tuning import Promise

AGREEMENT = 0.99
"""What is promised where nothing else is said."""

MinAgreement = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Least share of answers that stay as they were; 0.99."),
]
MaxLoss = Annotated[
    float | None, typer.Option(min=0, max=100, help="Instead: most points of score lost.")
]
Dev = Annotated[Path, typer.Option(help="Labelled texts that the threshold is tuned on.")]
Out = Annotated[Path, typer.Option(help="Version directory to write; must not exist.")]


def check(min_agreement: float | None, max_loss: float | None) -> None:
    """Raise SettingsError where two things were promised; before anything is loaded."""
    if min_agreement is not None and max_loss is not None:
        raise SettingsError("--min-agreement and --max-loss are two promises: choose one")


def promised(min_agreement: float | None, max_loss: float | None) -> "Promise":
    """Return what was promised."""
    from models.compression.tuning import Promise

    if min_agreement is None and max_loss is None:
        min_agreement = AGREEMENT
    return Promise(min_agreement, max_loss)


def tell(out: Path, manifest: Manifest) -> None:
    """Print what was made, one JSON object."""
    made: dict[str, Any] = msgspec.to_builtins(manifest.compression)
    used = msgspec.to_builtins(manifest.cascade or manifest.exits)
    facts = {"model": str(out), **used, **made["deltas"], **manifest.metrics}
    typer.echo(msgspec.json.encode(facts).decode())
