"""Transfer: a training that starts from the encoder of another version.

Tokenizer and encoder come from the parent, the head is new, and everything goes on learning. What
the parent learnt of its own task (say, where words end) is worth most where the new task has few
examples.
"""

from pathlib import Path
from typing import Any

from models import artifact
from models.catalog import Architecture, read
from models.live_model import LiveModel
from schemas.errors import DataError

_HEADS = frozenset({"emissions", "crf", "logits"})
"""Layers that stay as they are: they answer another question."""


def start(network: Any, architecture: Architecture, parent: Path | None) -> str | None:
    """Copy the parent's encoder into `network`; return its digest, or None without a parent.

    Raises DataError where the encoders differ.
    """
    if parent is None:
        return None
    model = LiveModel.load(parent)
    if read(model.manifest.architecture).encoder != architecture.encoder:
        raise DataError(f"{parent} has another encoder than the recipe: they must be the same")
    for layer in network.layers:
        if layer.weights and layer.name not in _HEADS:
            layer.set_weights(model.network.get_layer(layer.name).get_weights())
    return artifact.digest(model.manifest)
