"""Importing TensorFlow without its notes on the terminal.

TensorFlow 2.21 writes start-up notes to the process's standard error before any of its own settings
for logs take effect, so the descriptor itself is turned away for the moment of the import. A failed
import still raises; later warnings and errors are shown as ever.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def import_tensorflow() -> None:
    """Import TensorFlow and let it find its devices; whoever imports it again gets it at once."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _silent_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
