"""From a registered version to a model that may take work. Importing this imports TensorFlow."""

import gc
from collections.abc import Callable
from typing import Final

from models import artifact
from models.quiet import import_tensorflow

import_tensorflow()

import tensorflow as tf  # noqa: E402

from models import loading  # noqa: E402  # after TensorFlow has had its say
from models.gains import Gains  # noqa: E402
from models.live_model import LiveModel  # noqa: E402
from models.shapes import LENGTHS, TOKEN_BUDGET  # noqa: E402
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
    """What loads versions whose files a store may have, and times those of one kind once."""
    gains = Gains()
    return lambda version: load(version, store, gains)


def load(
    version: ModelVersion, store: ArtifactStore | None = None, gains: Gains | None = None
) -> LiveModel:
    """Check, load, warm and prove a version: this machine's starter, the store's copy, or what lies
    at its path.

    Raises:
        UnavailableError: the store does not answer.
        ArtifactError: files damaged or missing, another digest, other answers than its samples,
            or a device that cannot run it.
    """
    try:
        return _load(version, store, gains)
    except (ArtifactError, UnavailableError):
        raise
    except Exception as error:  # TensorFlow's have no root; a GPU without memory, mostly
        raise ArtifactError(f"{version} cannot run here: {type(error).__name__}.") from error


def _load(version: ModelVersion, store: ArtifactStore | None, gains: Gains | None) -> LiveModel:
    path = located(version, store)
    model = loading.load(path)
    if artifact.digest(model.manifest) != version.digest:
        raise ArtifactError(f"{path} does not hold {version}.")
    model = loading.as_served(model, gains)
    model.warm_up((length, 1) for length in LENGTHS if length <= WARM_LENGTH)
    model.warm_up([(WARM_LENGTH, TOKEN_BUDGET // WARM_LENGTH)])
    model.check_samples()
    model.time(TIMED, TIMED_S)
    return model
