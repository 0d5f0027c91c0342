"""Transfer: a training that starts from the encoder of another version.

Tokenizer and encoder come from the parent, whatever its head was; the head is new. What the parent
learnt of its own task (say, where words end), or of none (`models.training.pretrain`), is worth
most where the new task has few examples. How fast what came learns on is the matter of
`models.training.pace`.
"""

from pathlib import Path
from typing import Any

from models import artifact, catalog
from models.catalog import Architecture
from models.training import pace
from models.training.config import Config, TransferConfig
from schemas.errors import DataError, SettingsError


def check(config: Config, parent: Path | None) -> None:
    """Raise SettingsError where the recipe's `[transfer]` has nothing to work on.

    Raises ArtifactError where the parent cannot be read, DataError where its encoder is another.
    """
    if config.transfer != TransferConfig():
        _check_pace(config, parent)
    if parent is not None:
        _check_encoder(config.encoder, parent)


def start(network: Any, architecture: Architecture, parent: Path | None) -> str | None:
    """Copy the parent's encoder into `network`; return its digest, or None without a parent.

    Raises DataError where the layers do not fit.
    """
    if parent is None:
        return None
    manifest = artifact.verify(parent)
    theirs = catalog.read(manifest.architecture)
    source = catalog.restore(theirs, parent / artifact.WEIGHTS)
    names = {layer.name for layer in network.layers}
    for name in catalog.encoder_layers(architecture.encoder):
        if name in names:
            _copy(source, network, name, parent)
    return artifact.digest(manifest)


def _check_pace(config: Config, parent: Path | None) -> None:
    if parent is None:
        raise SettingsError("[transfer] in the recipe needs --init-from: give a parent")
    if config.distil.teachers:
        raise SettingsError("the recipe has [transfer] and [distil]: choose one")
    known = [pace.ENCODER, *pace.names(config.encoder)]
    for name in config.transfer.freeze:
        if name not in known:
            raise SettingsError(
                f"[transfer] freeze: there is no part {name!r}: choose among {', '.join(known)}"
            )


def _check_encoder(wanted: catalog.EncoderConfig, parent: Path) -> None:
    theirs = catalog.read(artifact.read_manifest(parent).architecture).encoder
    theirs, wanted = catalog.without_exits(theirs), catalog.without_exits(wanted)
    if theirs == wanted:
        return
    fields = wanted.__struct_fields__ if type(theirs) is type(wanted) else ("type",)
    differ = [name for name in fields if getattr(theirs, name, 0) != getattr(wanted, name, 1)]
    raise DataError(
        f"{parent} has another encoder than the recipe ({', '.join(differ)} in [encoder]): "
        "they must be the same"
    )


def _copy(source: Any, network: Any, name: str, parent: Path) -> None:
    try:
        network.get_layer(name).set_weights(source.get_layer(name).get_weights())
    except ValueError as error:
        raise DataError(
            f"{parent} was trained on other inputs than this training has: its layer {name} "
            "does not fit"
        ) from error
