"""From a registered version to a model that may take work. Importing this imports TensorFlow."""

import gc
from typing import Final

from models import artifact
from models.quiet import import_tensorflow

import_tensorflow()

import tensorflow as tf  # noqa: E402

from models import faster  # noqa: E402  # after TensorFlow has had its say
from models.live_model import LiveModel  # noqa: E402
from models.shapes import LENGTHS, TOKEN_BUDGET  # noqa: E402
from schemas.errors import ArtifactError  # noqa: E402
from schemas.model_version import AS_USUAL  # noqa: E402
from workers import starters  # noqa: E402
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


def load(version: ModelVersion) -> LiveModel:
    """Check, load, warm and prove a version: this machine's starter, or what lies at its path.

    Raises:
        ArtifactError: files damaged or missing, another digest, other answers than its samples,
            or a device that cannot run it.
    """
    try:
        return _load(version)
    except ArtifactError:
        raise
    except Exception as error:  # TensorFlow's have no root; a GPU without memory, mostly
        named = f"{version.name}@{version.version}"
        raise ArtifactError(f"{named} cannot run here: {type(error).__name__}.") from error


def _load(version: ModelVersion) -> LiveModel:
    path = starters.find(version.digest) or version.path
    model = LiveModel.load(path)
    if artifact.digest(model.manifest) != version.digest:
        raise ArtifactError(f"{path} does not hold {version.name}@{version.version}.")
    model.warm_up((length, 1) for length in LENGTHS if length <= WARM_LENGTH)
    model.warm_up([(WARM_LENGTH, TOKEN_BUDGET // WARM_LENGTH)])
    model.check_samples()
    model = faster.chosen(model, model.manifest.run or AS_USUAL)
    model.time(TIMED, TIMED_S)
    return model
