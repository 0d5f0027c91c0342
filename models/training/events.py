"""The rows of a training as TensorBoard's event files: `tensorboard --logdir OUT.training`.

Two runs, `train` and `dev`, carry the same names over the same steps, so that TensorBoard lays
their curves over each other. The files are a second form of `Progress`: a resumed training writes
them anew from the rows it had, so a curve never runs twice over the same steps.

`tf.summary.scalar` needs the package `tensorboard`, which only they need who look at the files;
what it writes is a scalar marked by the name of TensorBoard's plugin, as here.
"""

import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from models.training.checkpoint import Progress
from models.training.observer import Observer


class Events:
    """An observer that writes event files below a folder, in the place of older ones in it, and
    tells another observer everything."""

    def __init__(self, folder: Path, progress: Progress, observer: Observer) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._observer = observer
        self._writers = {
            run: tf.summary.create_file_writer(str(folder / run)) for run in ("train", "dev")
        }
        for row in (*progress.train, *progress.dev):
            self._write(row)

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def step(self, done: int, total: int) -> None:
        """See `Observer`."""
        self._observer.step(done, total)

    def report(self, row: dict[str, float]) -> None:
        """See `Observer`."""
        self._write(row)
        self._observer.report(row)

    def _write(self, row: dict[str, float]) -> None:
        writer = self._writers["dev" if "epoch" in row else "train"]
        with writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                if name != "step":
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=_scalar())
        writer.flush()


def _scalar() -> Any:
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    metadata.data_class = 1  # DATA_CLASS_SCALAR
    return metadata
