"""The end of a training: a network and what is known of it become a version directory."""

from pathlib import Path
from typing import Any

from models import artifact, catalog
from models.live_model import LiveModel
from models.training import card, workspace
from models.training.config import Config
from schemas.model_version import Manifest


def rounded(network: Any, config: Config) -> None:
    """Round the weights to what is stored, so that loading gives those that were scored."""
    stored = config.storage
    network.set_weights([one.astype(stored).astype(one.dtype) for one in network.get_weights()])


def save(
    out: Path, manifest: Manifest, config: Config, tokenizer: Any, network: Any, folder: Path
) -> Manifest:
    """Write the version directory `out`, by way of `folder`, which is cleared.

    A version that answers is loaded once, and must answer its samples as it did.
    """
    write_network(folder, manifest, config, tokenizer, network)
    return save_written(out, manifest, card.render(manifest, config), folder)


def write_network(
    folder: Path, manifest: Manifest, config: Config, tokenizer: Any, network: Any
) -> None:
    """Write tokenizer and weights, as a version has them, into `folder`."""
    tokenizer.save(folder / artifact.TOKENIZER)
    twin = catalog.twin(network, catalog.read(manifest.architecture), config.storage)
    twin.save(folder / artifact.WEIGHTS)


def save_written(out: Path, manifest: Manifest, told: str, folder: Path) -> Manifest:
    """Write the version directory `out` of what lies in `folder` and its card `told`."""
    (folder / artifact.CARD).write_text(told, "utf-8")
    members = artifact.MEMBERS | artifact.OPTIONAL
    files = {name: folder / name for name in members if (folder / name).exists()}
    saved = artifact.save(out, manifest, files)
    if manifest.task is not None:
        LiveModel.load(out).check_samples()
    workspace.clear(folder)
    return saved
