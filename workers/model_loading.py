"""From a registered version to a model that may take work. Importing this imports TensorFlow."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Final

from models import artifact
from models.quiet import import_tensorflow

import_tensorflow()

import tensorflow as tf  # noqa: E402

from models import loading  # noqa: E402  # after TensorFlow has had its say
from models.gains import Gains  # noqa: E402
from models.live_model import LiveModel  # noqa: E402
from models.shapes import LENGTHS, TOKEN_BUDGET  # noqa: E402
from models.sharing import Sharing  # noqa: E402
from models.source import FILES, Source  # noqa: E402
from schemas.errors import ArtifactError, UnavailableError  # noqa: E402
from workers.artifact_store import ArtifactStore, located  # noqa: E402
from workers.model_memory import resident  # noqa: E402
from workers.ports import ModelVersion  # noqa: E402


def memory_used() -> int:
    """Bytes in use on this process's GPU; without one, of the process."""
    if tf.config.list_physical_devices("GPU"):
        gc.collect()
        return int(tf.config.experimental.get_memory_info("GPU:0")["current"])
    return resident()


WARM_LENGTH: Final = 64
"""Longest shape of the warm-up, in tokens: there is one trace for all, and most texts are short."""

TIMED: Final = ((16, 1), (WARM_LENGTH, 1), (16, 32), (WARM_LENGTH, 32))
"""Shapes, as (length, rows), that say what batches of a version cost here, until batches do."""
TIMED_S: Final = 0.1
"""How long that may take, but for the last shape: a start should be quick."""


def loader(store: ArtifactStore | None) -> Callable[[ModelVersion], LiveModel]:
    """What loads versions whose files a store may have; those of one kind share what they can."""
    gains = Gains()
    sharing = Sharing(gains)
    return lambda version: load(version, store, gains, sharing)


def load(
    version: ModelVersion,
    store: ArtifactStore | None = None,
    gains: Gains | None = None,
    source: Source = FILES,
) -> LiveModel:
    """Check, load, warm and prove a version: this machine's starter, the store's copy, or what lies
    at its path.

    Raises:
        UnavailableError: the store does not answer.
        ArtifactError: files damaged or missing, another digest, other answers than its samples,
            or a device that cannot run it.
    """
    try:
        return _load(located(version, store), version, gains, source)
    except (ArtifactError, UnavailableError):
        raise
    except Exception as error:  # TensorFlow's have no root; a GPU without memory, mostly
        raise ArtifactError(f"{version} cannot run here: {type(error).__name__}.") from error


def _load(path: Path, version: ModelVersion, gains: Gains | None, source: Source) -> LiveModel:
    model = loading.load(path, source)
    if artifact.digest(model.manifest) != version.digest:
        raise ArtifactError(f"{path} does not hold {version}.")
    model = loading.as_served(model, gains)
    _make_ready(model)
    model.check_samples()
    return model


def _make_ready(model: LiveModel) -> None:
    """Run what is slow the first time, and time it; where a version that shares its trace did,
    nothing is slow any more and its timings hold."""
    trace = model.trace
    if trace is not None and trace.timings:
        model.timings = trace.timings
        model.warm_up([(WARM_LENGTH, 1)])  # its answers are finite numbers
        return
    model.warm_up((length, 1) for length in LENGTHS if length <= WARM_LENGTH)
    model.warm_up([(WARM_LENGTH, TOKEN_BUDGET // WARM_LENGTH)])
    model.time(TIMED, TIMED_S)
    if trace is not None:
        trace.timings = model.timings
