"""Weights in int8 for Keras: the tables of tokens and the dense layers, for any device.

An `Embedding` keeps a scale for each row, a `Dense` one for each unit; both compute in float32, as
only weights are rounded. Other layers, recurrent ones among them, stay as they are. It saves memory
and disk on a GPU, where LiteRT does not run.
"""

import tempfile
from pathlib import Path
from typing import Any

import keras

from models import catalog
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from schemas.model_version import Manifest

_KINDS = (keras.layers.Embedding, keras.layers.Dense)


def converted(model: LiveModel) -> bytes:
    """Return the content of a `.keras` file with the network's weights in int8."""
    network = catalog.twin(model.network, catalog.read(model.manifest.architecture), "float32")
    quantised(network)
    with tempfile.TemporaryDirectory(prefix="textmill-int8-") as folder:
        path = Path(folder, "model.keras")
        network.save(path)
        return path.read_bytes()


def restored(manifest: Manifest, content: bytes) -> Any:
    """Return the network of such a file; ArtifactError where the weights do not fit."""
    network = catalog.build(catalog.read(manifest.architecture))
    quantised(network)
    with tempfile.TemporaryDirectory(prefix="textmill-int8-") as folder:
        path = Path(folder, "model.keras")
        path.write_bytes(content)
        try:
            network.load_weights(path)
        except (ValueError, KeyError, OSError) as error:
            raise ArtifactError("the int8 weights do not fit the architecture") from error
    return network


def quantised(network: Any) -> None:
    """Turn the weights of a network's tables and dense layers into int8, in place."""
    config = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    for layer in network.layers:
        if type(layer) in _KINDS:
            layer.quantize("int8", config=config)
