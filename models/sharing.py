"""Models that share what their architecture decides with those of the same kind in this process.

share      a model runs the trace of its kind, with its own weights
folded     the same for its folded network (`models.folding`), which is never built
restored   a version whose kind is folded here already is read without building its network
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import tensorflow as tf

from models import artifact, blocks, catalog, folding
from models.fused import FusedTrace
from models.gains import GAIN, Gains
from models.live_model import USUAL, LiveModel
from models.source import Source
from models.stored import Stored, stored
from models.text import lexicon
from models.traces import SharedRun, Trace, Traces, variables_of
from schemas.errors import ArtifactError
from schemas.model_version import AS_USUAL, Manifest


def kind(manifest: Manifest, build: str) -> bytes:
    """Return what decides a trace: architecture, labels (grammars depend on them) and build."""
    decides = manifest.architecture, manifest.tasks, build
    return msgspec.json.encode(decides, order="deterministic")


def share(model: LiveModel, traces: Traces) -> None:
    """Let a model that has not run yet run the trace of its kind."""
    network, answerer = model.network, model.answerer
    if isinstance(network, Stored):
        return  # what is done with it needs no run of its network
    make = partial(Trace, answerer.read, network)
    weights = [tf.convert_to_tensor(one.value) for one in variables_of(network)]
    answerer.run = SharedRun(partial(traces.of, kind(model.manifest, model.build), make), weights)


def folded(model: LiveModel, traces: Traces) -> LiveModel | None:
    """Return the same version with its network folded, where it can be; else None."""
    architecture = catalog.read(model.manifest.architecture)
    if not folding.can_fold(architecture):
        return None

    def make() -> Trace:
        return FusedTrace(model.answerer.read, architecture)

    trace = traces.of(kind(model.manifest, folding.BUILD), make)
    weights = folding.weights(folding.layers_of(model.network), trace.layers)
    if tuple(tuple(one.shape) for one in weights) != trace.shapes:
        raise ArtifactError(f"{model.manifest.name}: the weights do not fit the architecture")
    size = sum(one.dtype.size * int(tf.size(one)) for one in weights)
    other = model.running(SharedRun(lambda: trace, weights), folding.BUILD, size)
    other.cut = blocks.cut
    return other


def network_of(model: LiveModel) -> Any:
    """Return the `keras.Model` that a model runs; a folded one's is built for it."""
    if model.build != folding.BUILD:
        return model.network
    return folding.fold(model.network, catalog.read(model.manifest.architecture))


class Sharing(Source):
    """Takes from versions that are here what is the same in the next one."""

    def __init__(self, gains: Gains) -> None:
        self._gains = gains
        self._tokenizers: WeakValueDictionary[object, Any] = WeakValueDictionary()

    def tokenizer(self, manifest: Manifest, path: Path, read: Callable[[Path], Any]) -> Any:
        """Return that of a version whose files have the same sha256; else read it."""
        files = [manifest.files.get(name) for name in (artifact.TOKENIZER, lexicon.MEMBER)]
        key = (read, *files)
        found = self._tokenizers.get(key)
        if found is None:
            found = self._tokenizers[key] = super().tokenizer(manifest, path, read)
        return found

    def network(self, manifest: Manifest, weights: Path) -> Any:
        """Return the network, or its weights alone where they are enough: one of its kind is folded
        here, so that its own network would never run."""
        if self._is_folded(manifest) and (found := stored(weights)) is not None:
            return found
        return super().network(manifest, weights)

    def _is_folded(self, manifest: Manifest) -> bool:
        if manifest.exits or (manifest.run or AS_USUAL) != AS_USUAL:
            return False
        gain = self._gains.known(manifest, USUAL, folding.BUILD) or 0.0
        return (
            gain >= 1 / GAIN and self._gains.traces.known(kind(manifest, folding.BUILD)) is not None
        )
