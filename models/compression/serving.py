"""From a build's file to a model that answers by it.

The file was checked with its version; it is read once more here, and its sha256 compared, so that
what runs is what was checked. Of a classifier the file gives the probabilities and the Keras
network is let go, as it is of a tagger, whose emissions NumPy decodes. Of any other version the
file gives the network's outputs, and what reads them stays TensorFlow's.
"""

import hashlib
import os
from typing import Any, Final

import tensorflow as tf
from msgspec import UNSET

from models import artifact, catalog, folding
from models.answering.classes import ClassAnswerer
from models.answering.spans import SpanAnswerer
from models.answering.tracing import array_of
from models.compression import keras_int8, tables
from models.compression.crf_numpy import Scores, decode
from models.compression.litert import TILE, LiteRun, stretched
from models.heads.tagging import CRF
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from schemas.model_version import Build

WARM: Final = 64
"""Longest length, in tokens, whose tiles are made before a model is ready; longer ones at the first
text of that length."""


def allowed(model: LiveModel) -> dict[str, Build]:
    """Return the builds that lose no more than the version allows a worker to serve."""
    most = model.manifest.allowed_loss
    builds = (model.manifest.builds or {}).items()
    return {name: one for name, one in builds if most is not UNSET and one.deltas.loss <= most}


def served(model: LiveModel, name: str) -> LiveModel:
    """Return the version answering by one of its builds, warm.

    Raises ArtifactError where its file is not what the manifest says, or cannot run here.
    """
    build = (model.manifest.builds or {})[name]
    content = _read(model, build)
    other = of_content(model, name, content)
    other.tolerance = build.tolerance
    return other


def of_content(model: LiveModel, name: str, content: bytes) -> LiveModel:
    """Return the same for a build whose file is in memory; its samples are not asked."""
    if name.startswith("keras"):
        other = model.with_network(keras_int8.restored(model.manifest, content), name)
        other.weight_bytes = len(content)
        return other
    if "folded" in name:
        content = tables.filled(content, _folded_tables(model))
    lite = LiteRun(content, artifact.BUILDS[name], threads=_threads())
    if isinstance(model.answerer, ClassAnswerer):
        other = model.running(lite, name, len(content))
        other.network = None
    elif isinstance(model.answerer, SpanAnswerer):
        scores = Scores.of(model.network.get_layer(CRF).scores(model.answerer.grammar))
        other = model.running(_Tagged(lite, scores), name, len(content))
        other.network = None
    else:
        decoded = _Decoded(lite, model)
        other = model.running(decoded, name, len(content) + model.weight_bytes)
    other.array_tokens = max(model.array_tokens, TILE)
    lite.warm_up([length for length in model.lengths if length <= WARM], model.width)
    return other


def _folded_tables(model: LiveModel) -> tables.Tables:
    architecture = catalog.read(model.manifest.architecture)
    if not folding.can_fold(architecture):
        raise ArtifactError("only a TextCNN that classifies can be folded, within 64 MiB")
    return folding.tables(model.network, architecture)


def _threads() -> int:
    """As many as the numeric library has, which leaves a core to parsing (`workers.device`)."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class _Given:
    """A network that was run already: it gives its outputs, and its layers to a decoder."""

    def __init__(self, network: Any, outputs: Any) -> None:
        self.input_shape, self.get_layer = network.input_shape, network.get_layer
        self._outputs = outputs

    def __call__(self, ids: Any, *, training: bool = False) -> Any:
        return self._outputs


class _Tagged:
    """A tagger's network in LiteRT, whose emissions NumPy decodes."""

    def __init__(self, lite: LiteRun, scores: Scores) -> None:
        self._lite, self._scores = lite, scores

    def __call__(self, ids: Any) -> Any:
        given = stretched(array_of(ids))
        (emissions,) = self._lite(given)
        return decode(emissions, given[..., 0] != 0, self._scores)

    def experimental_get_tracing_count(self) -> int:
        """Return 1: nothing is traced."""
        return 1


class _Decoded:
    """A network in LiteRT whose outputs are decoded by a traced function of TensorFlow."""

    def __init__(self, lite: LiteRun, model: LiveModel) -> None:
        self._lite = lite
        network, read = model.network, model.answerer.read
        ids = tf.TensorSpec(network.input_shape, tf.int32)
        output = tf.TensorSpec(network.output_shape, tf.float32)
        self._decode = tf.function(
            lambda ids, output: read(_Given(network, output), ids),
            input_signature=[ids, output],
            autograph=False,
        )

    def __call__(self, ids: Any) -> Any:
        given = stretched(array_of(ids))
        (output,) = self._lite(given)
        return self._decode(tf.convert_to_tensor(given), tf.convert_to_tensor(output))

    def experimental_get_tracing_count(self) -> int:
        """Return the traces of the decoder."""
        return int(self._decode.experimental_get_tracing_count())


def _read(model: LiveModel, build: Build) -> bytes:
    if model.directory is None:
        raise ArtifactError(f"{model.manifest.name} is from no directory")
    path = model.directory / build.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != model.manifest.files[build.file]:
        raise ArtifactError(f"{path} is damaged: its sha256 is not the manifest's")
    return content
